// The 16-bit instantiations of implicit GEMM, for conv2d_bf16.cu and conv2d_f16.cu.
#pragma once

#include "conv2d/implicit_gemm.h"

namespace fusor::cuda::conv2d_detail {

// Rows of 64 bytes are 32 columns. Warps of 64 x 32 sums have 64 registers of them; the smaller tiles are for
// launches that would not fill the chip otherwise: more blocks, less reuse.
using Tile128x128 = TileShape<128, 128, 64, 32, 64, 4>;
using Tile128x64 = TileShape<128, 64, 64, 32, 64, 4>;
using Tile64x64 = TileShape<64, 64, 32, 32, 64, 4>;
using Tile32x64 = TileShape<32, 64, 16, 32, 64, 4>;

template <class T, class Shape, int Piece, bool Pointwise>
Status run_tile(Stream& stream, const Geometry& g, const GemmOperands<T>& operands) {
  using Math = TensorMath<T, Shape::Wm, Shape::Wn, Shape::RowBytes>;
  return launch_implicit_gemm<T, Shape, Math, Piece, Pointwise>(stream, g, operands);
}

template <class T>
Status run_implicit_gemm(Stream& stream, const Geometry& g, const GemmOperands<T>& operands, Tile tile,
                         int piece, Precision) {
  const bool pointwise = is_pointwise(g);
  if (piece == 8 && pointwise) {
    switch (tile) {
      case Tile::t128x128:
        return run_tile<T, Tile128x128, 8, true>(stream, g, operands);
      case Tile::t128x64:
        return run_tile<T, Tile128x64, 8, true>(stream, g, operands);
      case Tile::t64x64:
        return run_tile<T, Tile64x64, 8, true>(stream, g, operands);
      case Tile::t32x64:
        return run_tile<T, Tile32x64, 8, true>(stream, g, operands);
    }
  }
  if (piece == 8) {
    switch (tile) {
      case Tile::t128x128:
        return run_tile<T, Tile128x128, 8, false>(stream, g, operands);
      case Tile::t128x64:
        return run_tile<T, Tile128x64, 8, false>(stream, g, operands);
      case Tile::t64x64:
        return run_tile<T, Tile64x64, 8, false>(stream, g, operands);
      case Tile::t32x64:
        return run_tile<T, Tile32x64, 8, false>(stream, g, operands);
    }
  }
  // Images of 3 channels come padded to 4, two pixels a chunk; other counts one by one.
  if (piece == 4) return run_tile<T, Tile128x64, 4, false>(stream, g, operands);
  return run_tile<T, Tile64x64, 1, false>(stream, g, operands);
}

}  // namespace fusor::cuda::conv2d_detail
