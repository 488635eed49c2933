#include "conv2d/pooled.h"

namespace fusor::cuda::conv2d_detail {
namespace {

// Warps of 64 x 32 sums on the tensor cores, of 32 x 64 on the general ones, as in conv2d_f32.cu.
using Tensor = TileShape<kPooledRows, kPooledChannels, 64, 32, 64, 4>;
using General = TileShape<kPooledRows, kPooledChannels, 32, 64, 64, 4>;

template <class Shape, template <int, int, int> class Math>
Status run_f32(Stream& stream, const Geometry& g, const PoolTiles& pool,
               const GemmOperands<float>& operands) {
  return launch_pooled<float, Shape, Math<Shape::Wm, Shape::Wn, Shape::RowBytes>, 4>(stream, g, pool,
                                                                                     operands);
}

template <class T>
Status run_half(Stream& stream, const Geometry& g, const PoolTiles& pool, const GemmOperands<T>& operands,
                int piece) {
  using Math = TensorMath<T, Tensor::Wm, Tensor::Wn, Tensor::RowBytes>;
  return piece == 8 ? launch_pooled<T, Tensor, Math, 8>(stream, g, pool, operands)
                    : launch_pooled<T, Tensor, Math, 4>(stream, g, pool, operands);
}

}  // namespace

template <>
Status run_pooled<f16>(Stream& stream, const Geometry& g, const PoolTiles& pool,
                       const GemmOperands<f16>& operands, int piece, Precision) {
  return run_half(stream, g, pool, operands, piece);
}

template <>
Status run_pooled<bf16>(Stream& stream, const Geometry& g, const PoolTiles& pool,
                        const GemmOperands<bf16>& operands, int piece, Precision) {
  return run_half(stream, g, pool, operands, piece);
}

template <>
Status run_pooled<float>(Stream& stream, const Geometry& g, const PoolTiles& pool,
                         const GemmOperands<float>& operands, int, Precision precision) {
  switch (precision) {
    case Precision::tf32:
      return run_f32<Tensor, Tf32Math>(stream, g, pool, operands);
    case Precision::bf16x3:
      return run_f32<Tensor, Bf16x3Math>(stream, g, pool, operands);
    case Precision::f32:
      break;
  }
  return run_f32<General, ExactMath>(stream, g, pool, operands);
}

}  // namespace fusor::cuda::conv2d_detail
