// f32: exactly on the general cores, or as tf32 or three products of bf16 on the tensor cores.
//
// Napkin of the exact one, H100: 128 lanes a multiprocessor do one multiply-add a clock. Warps of 32 x 64
// sums read per 4 columns 8 + 8 vectors a lane for 256 multiply-adds: 256 clocks of a quarter's lanes against
// 16 * 4 wavefronts * 4 warps = 256 clocks of the shared memory they have together. Balanced; the limit is 67
// TFLOP/s.
#include "conv2d/implicit_gemm.h"

namespace fusor::cuda::conv2d_detail {
namespace {

// Rows of 64 bytes are 16 columns.
using Large = TileShape<128, 128, 32, 64, 64, 4>;
using Small = TileShape<64, 64, 32, 32, 64, 4>;
using TensorLarge = TileShape<128, 128, 64, 32, 64, 4>;

template <class Shape, template <int, int, int> class Math, int Piece, bool Pointwise>
Status run_tile(Stream& stream, const Geometry& g, const GemmOperands<float>& operands) {
  return launch_implicit_gemm<float, Shape, Math<Shape::Wm, Shape::Wn, Shape::RowBytes>, Piece, Pointwise>(
      stream, g, operands);
}

template <class LargeShape, template <int, int, int> class Math>
Status run(Stream& stream, const Geometry& g, const GemmOperands<float>& operands, Tile tile, int piece,
           bool pointwise) {
  const bool large = tile == Tile::t128x128 || tile == Tile::t128x64;
  if (piece != 4) return run_tile<Small, Math, 1, false>(stream, g, operands);
  if (pointwise) {
    return large ? run_tile<LargeShape, Math, 4, true>(stream, g, operands)
                 : run_tile<Small, Math, 4, true>(stream, g, operands);
  }
  return large ? run_tile<LargeShape, Math, 4, false>(stream, g, operands)
               : run_tile<Small, Math, 4, false>(stream, g, operands);
}

}  // namespace

template <>
Status run_implicit_gemm<float>(Stream& stream, const Geometry& g, const GemmOperands<float>& operands,
                                Tile tile, int piece, Precision precision) {
  const bool pointwise = is_pointwise(g);
  switch (precision) {
    case Precision::tf32:
      return run<TensorLarge, Tf32Math>(stream, g, operands, tile, piece, pointwise);
    case Precision::bf16x3:
      return run<TensorLarge, Bf16x3Math>(stream, g, operands, tile, piece, pointwise);
    case Precision::f32:
      break;
  }
  return run<Large, ExactMath>(stream, g, operands, tile, piece, pointwise);
}

}  // namespace fusor::cuda::conv2d_detail
