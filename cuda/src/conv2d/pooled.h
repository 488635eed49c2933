// Convolution and the max-pool behind it in one kernel: the stem of the ResNets (7x7 / 2, then 3x3 / 2), and
// the 2x2 / 2 of the VGGs. The convolution's result never leaves the chip.
//
// A block makes the 256 x 64 convolution outputs under a rectangle of pooled pixels, by the pipeline of
// implicit_gemm.h, writes them, finished and rounded as the convolution by itself would round them, over the
// pipeline's memory, and pools from there: so the bits are those of the two ops one after the other. Windows
// overlap, and their outputs at a rectangle's rim are computed by both neighbours: how many rows of the 256
// are worth it depends on the rectangle, which is chosen by trying all (PoolTiles::cover).
//
// Napkin, ResNet-50's stem, 112 x 112 x 64 in bf16, H200: the result is 1.6 MB an image, written and read
// back 3.2 MB, 0.75 us at 4.3 TB/s, of the 25 us that an image may take at 40,000 a second. Rectangles of 7 x
// 8 pooled pixels need 15 x 17 = 255 convolved ones, for 224 that are new: 1.14 times the arithmetic, 56 of
// them cover 56 x 56 exactly. 12544 * 64 * 2 * 224 columns (7 * 7 * 4, in whole turns) are 360 MFLOP or 1.1
// us an image at 330 TFLOP/s, so that 0.15 us more are computed and 0.75 us less moved. With tiles of 128 (3
// x 8, 119 rows) it would be 1.36 times the arithmetic, 0.4 us.
//
// Shared memory: 4 stages of 20 KiB; the tile, 36 KiB in 16 bits and 72 in f32, takes their place.
#pragma once

#include "conv2d/implicit_gemm.h"
#include "conv2d/pool_tiles.h"

namespace fusor::cuda::conv2d_detail {

/** Rows of A: the convolved pixels of a rectangle, row by row. */
struct PooledRows {
  PooledBlock block;
  const PoolTiles& pool;

  FUSOR_DEVICE PixelOrigin operator()(int i, const Geometry& g) const {
    const int width = pool.width(), row = i / width;
    const int p = block.p * pool.stride_h - pool.pad_top + row;
    const int q = block.q * pool.stride_w - pool.pad_left + i - row * width;
    const bool inside = row < pool.height() && static_cast<unsigned>(p) < static_cast<unsigned>(g.p) &&
                        static_cast<unsigned>(q) < static_cast<unsigned>(g.q);
    if (!inside) return {0, -(1 << 29), 0};
    const int h = p * g.stride_h - g.pad_top, w = q * g.stride_w - g.pad_left;
    return {((block.image * g.h + h) * g.w + w) * g.pixel_x, h, w};
  }
};

/** grid: rectangles of all images, tiles of channels. `operands.epilogue` writes nothing here: its y is the
 * pooled image. */
template <class T, class Shape, class Math, int Piece>
__global__ void __launch_bounds__(Shape::kThreads)
    pooled_implicit_gemm(const __grid_constant__ Geometry g, const __grid_constant__ PoolTiles pool,
                         const __grid_constant__ GemmOperands<T> operands) {
  begin_after_earlier_launches();
  FUSOR_DYNAMIC_SHARED(unsigned char, shared);
  constexpr int kColumns = Shape::RowBytes / static_cast<int>(sizeof(T)), kLength = kVectorLength<T>;
  constexpr int kStride = kStagedStride<Shape::Bn>; /* elements of T: rows of a fragment in different banks */
  static_assert(Shape::Bm * kStride * static_cast<int>(sizeof(T)) <= Shape::kPipelineBytes);
  const PooledBlock block = PooledBlock::at(blockIdx.x, pool);
  const int first_channel = blockIdx.y * Shape::Bn;

  PixelLoader<T, Shape::Bm, Shape::RowBytes, Shape::kThreads, Piece, false> pixels(
      g, operands.x, PooledRows{block, pool}, 0);
  FilterLoader<T, Shape::Bn, Shape::RowBytes, Shape::kThreads, Piece> filters(g, operands.weight,
                                                                              first_channel, 0);
  const int warp = warp_index();
  const int warp_row = warp / Shape::kWarpsN * Shape::Wm, warp_column = warp % Shape::kWarpsN * Shape::Wn;
  Math math;
  multiply_tiles<Shape>(shared, (g.inner + kColumns - 1) / kColumns, pixels, filters, math, warp_row,
                        warp_column);

  T* const convolved = reinterpret_cast<T*>(shared);
  const Epilogue<T>& e = operands.epilogue;
  math.each([&](int row, int column, auto& values) {
    constexpr int kValues = sizeof(values) / sizeof(float);
    const int channel = first_channel + warp_column + column;
    Vector<T, kValues> result;
    if (e.bias != nullptr) {
#pragma unroll
      for (int i = 0; i < kValues; ++i) values[i] += channel + i < g.k ? to_float(e.bias[channel + i]) : 0.f;
    }
    activate(values, e.activation);
#pragma unroll
    for (int i = 0; i < kValues; ++i) result[i] = from_float<T>(values[i]);
    store(convolved + (warp_row + row) * kStride + warp_column + column, result);
  });
  __syncthreads();

  constexpr int kVectors = Shape::Bn / kLength;
  const int width = pool.width();
  for (int item = threadIdx.x; item < pool.tile_h * pool.tile_w * kVectors; item += Shape::kThreads) {
    const int pixel = item / kVectors, column = item % kVectors * kLength;
    const int row = pixel / pool.tile_w, p = block.p + row, q_in_tile = pixel - row * pool.tile_w;
    const int q = block.q + q_in_tile, channel = first_channel + column;
    if (p >= pool.p || q >= pool.q || channel >= g.k) continue;
    float result[kLength];
#pragma unroll
    for (int i = 0; i < kLength; ++i) result[i] = -INFINITY;
    for (int r = 0; r < pool.kernel_h; ++r) {
      if (static_cast<unsigned>(p * pool.stride_h - pool.pad_top + r) >= static_cast<unsigned>(g.p)) continue;
      for (int s = 0; s < pool.kernel_w; ++s) {
        if (static_cast<unsigned>(q * pool.stride_w - pool.pad_left + s) >= static_cast<unsigned>(g.q))
          continue;
        const int of_tile = (row * pool.stride_h + r) * width + q_in_tile * pool.stride_w + s;
        const Vector<T, kLength> tap = load<kLength>(convolved + of_tile * kStride + column);
#pragma unroll
        for (int i = 0; i < kLength; ++i) {
          const float x = to_float(tap[i]);
          result[i] = x > result[i] || x != x ? x : result[i];  // a NaN once seen stays
        }
      }
    }
    T* const to = e.y + ((block.image * pool.p + p) * pool.q + q) * g.pixel_y + channel;
    Vector<T, kLength> pooled;
#pragma unroll
    for (int i = 0; i < kLength; ++i) pooled[i] = from_float<T>(result[i]);
    if (operands.aligned && channel + kLength <= g.k) {
      store(to, pooled);
    } else {
#pragma unroll
      for (int i = 0; i < kLength; ++i) {
        if (channel + i < g.k) to[i] = pooled[i];
      }
    }
  }
}

template <class T, class Shape, class Math, int Piece>
Status launch_pooled(Stream& stream, const Geometry& g, const PoolTiles& pool,
                     const GemmOperands<T>& operands) {
  static_assert(Shape::Bm == kPooledRows && Shape::Bn == kPooledChannels);
  const int64_t images = g.rows / (int64_t{g.p} * g.q);
  const LaunchShape shape(
      dim3(static_cast<unsigned>(images * pool.tiles_h * pool.tiles_w), blocks_for(g.k, Shape::Bn)),
      Shape::kThreads, Shape::kPipelineBytes);
  return launch_early(pooled_implicit_gemm<T, Shape, Math, Piece>, shape, stream, g, pool, operands);
}

template <class T>
Status run_pooled(Stream& stream, const Geometry& g, const PoolTiles& pool, const GemmOperands<T>& operands,
                  int piece, Precision precision);

}  // namespace fusor::cuda::conv2d_detail
