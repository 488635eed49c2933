// Convolution of few input channels (a network's stem), read as planes: out[pixel][k] = sum over taps of
// x[channel][row][column] w[tap][k].
//
// A channel block would be mostly padding here, so taps are single floats: S pixels of a row x V vectors of
// output channels, each tap costs V weight loads, S broadcasts and S*V multiply-adds. The rows come from a
// small padded copy that the caller keeps in L2, so there are no edges. At strides 1 and 2 all S addresses
// are one pointer and a constant; others keep S pointers. 7x7/2 with 3 channels reaches 90% of the
// multiply-add peak.
#include "cpu/conv2d/epilogue.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr int kPixels = tile_pixels(kRegisters);

// kStride 0: any, from rows.column_step.
template <int S, int V, int kStride>
__attribute__((noinline)) void run_tile(const StemRows& rows, const float* pixels, const float* weights,
                                        int64_t block, float* output, const float* residual) {
  const ConvolutionTarget& target = rows.target;
  Vec sums[S][V];
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < S; ++s)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sums[s][v] = load(target.bias + (block + v) * kLanes);
  const int64_t step = kStride ? kStride : rows.column_step;
  const float* pixel[S];
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < S; ++s) pixel[s] = pixels + s * step;
  for (int64_t t = 0; t < rows.tap_count; ++t, weights += V * kLanes) {
    const int64_t tap = rows.taps[t];
    Vec weight[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) weight[v] = load(weights + v * kLanes);
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s) {
      const Vec x = broadcast(kStride ? pixels[tap + s * kStride] : pixel[s][tap]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sums[s][v] = multiply_add(x, weight[v], sums[s][v]);
    }
  }
  const Range range = activation_range(target.activation);
  const Vec low = broadcast(range.low), high = broadcast(range.high);
#pragma GCC unroll 2
  for (int v = 0; v < V; ++v) {
    const int32_t* mask = target.mask + (block + v) * kLanes;
    float* to = output + v * target.output_block;
    if (residual) {
#pragma GCC unroll kUnrollTile
      for (int s = 0; s < S; ++s)
        sums[s][v] = sums[s][v] + load(residual + v * target.residual_block + s * kLanes);
    }
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s) store(to + s * kLanes, masked(clamped(sums[s][v], low, high), mask));
    if (!range.enough) apply_activation(to, kLanes, S, target.activation, mask);
  }
}

using RunTile = void (*)(const StemRows&, const float*, const float*, int64_t, float*, const float*);
template <int V, int kStride>
constexpr RunTile kTiles[] = {run_tile<1, V, kStride>,  run_tile<2, V, kStride>,  run_tile<3, V, kStride>,
                              run_tile<4, V, kStride>,  run_tile<5, V, kStride>,  run_tile<6, V, kStride>,
#if FUSOR_SIMD_REGISTERS == 32
                              run_tile<7, V, kStride>,  run_tile<8, V, kStride>,  run_tile<9, V, kStride>,
                              run_tile<10, V, kStride>, run_tile<11, V, kStride>, run_tile<12, V, kStride>,
                              run_tile<13, V, kStride>, run_tile<14, V, kStride>
#endif
};
template <int V>
FUSOR_INLINE const RunTile* tiles_for(int64_t stride) {
  return stride == 1 ? kTiles<V, 1> : stride == 2 ? kTiles<V, 2> : kTiles<V, 0>;
}

}  // namespace

void stem(const StemRows& rows) {
  const ConvolutionTarget& target = rows.target;
  const int64_t tiles = (rows.width + kPixels - 1) / kPixels;
  const float* weights = rows.weights;
  for (int64_t block = 0; block < rows.output_blocks; block += kPanelVectors) {
    const bool wide = block + 1 < rows.output_blocks;
    const RunTile* run = wide ? tiles_for<2>(rows.column_step) : tiles_for<1>(rows.column_step);
    for (int64_t y = rows.row_begin; y < rows.row_end; ++y) {
      const float* row = rows.input + (y - rows.row_begin) * rows.row_step;
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t x = rows.width * i / tiles, count = rows.width * (i + 1) / tiles - x;
        run[count - 1](rows, row + x * rows.column_step, weights, block,
                       target.output + block * target.output_block + y * target.output_row + x * kLanes,
                       target.residual ? target.residual + block * target.residual_block +
                                             y * target.residual_row + x * kLanes
                                       : nullptr);
      }
    }
    weights += rows.tap_count * (wide ? 2 : 1) * kLanes;
  }
}

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
