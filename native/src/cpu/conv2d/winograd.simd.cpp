// Winograd's minimal filtering for 3x3 kernels at strides 1 and 2: a tile of M x M output pixels from P x P
// input pixels by P^2 products per channel pair, P = M + 2 or 2 M + 1, instead of 9 M^2. The transforms At,
// Bt and what they save are in winograd_transforms.h.
//
//   Y = At [ sum over c of (G w Gt) * (Bt x B) ] A
//
// Three phases for a block of tiles: the input transform writes V[point][panel of tiles][block][tile][L], so
// that its vectors are the product's broadcast source as they are; the product has a matrix per point, tiles
// x 2 vectors of output channels in registers, as in direct.simd.cpp; its result M[point][tile][2][L] stays
// in L2 for the output transform. Three quarters of the time are products, which run at 93% of the
// multiply-add peak; the input transform is bound by its stores to L2.
//
// Tried, did not pay: transforming the weights while they are used (a quarter of the bytes to stream),
// through L2 or, a row of points at a time, through L1: the sums' pauses in memory cost more than the stream.
#include "cpu/conv2d/epilogue.h"
#include "cpu/conv2d/winograd_transforms.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr int kTiles = tile_pixels(kRegisters);

FUSOR_INLINE int64_t panel_count(int64_t tiles) {
  return (tiles + kTiles - 1) / kTiles;
}
FUSOR_INLINE int64_t panel_start(int64_t tiles, int64_t panel) {
  return tiles * panel / panel_count(tiles);
}

template <class Scheme>
FUSOR_INLINE void transform_input_tile(const float* from, int64_t row, float* to, int64_t point) {
  constexpr int kSize = Scheme::kPoints;
  Vec columns[kSize][kSize];
#pragma GCC unroll 9
  for (int x = 0; x < kSize; ++x) {
    Vec in[kSize], out[kSize];
#pragma GCC unroll 9
    for (int y = 0; y < kSize; ++y) in[y] = load(from + y * row + x * kLanes);
    Scheme::input(in, out);
#pragma GCC unroll 9
    for (int y = 0; y < kSize; ++y) columns[y][x] = out[y];
  }
#pragma GCC unroll 9
  for (int y = 0; y < kSize; ++y) {
    Vec out[kSize];
    Scheme::input(columns[y], out);
#pragma GCC unroll 9
    for (int x = 0; x < kSize; ++x) store(to + (y * kSize + x) * point, out[x]);
  }
}

// Blocks outside, tiles inside: the input is read in sequence.
template <class Scheme>
void transform_input(const WinogradBlock& block) {
  const int64_t tiles = block.tile_end - block.tile_begin, per_image = block.tiles_high * block.tiles_wide;
  for (int64_t b = block.block_begin; b < block.block_end; ++b) {
    int64_t image = block.tile_begin / per_image, y = block.tile_begin % per_image / block.tiles_wide;
    int64_t x = block.tile_begin % block.tiles_wide;
    for (int64_t panel = 0; panel < panel_count(tiles); ++panel) {
      const int64_t start = panel_start(tiles, panel), count = panel_start(tiles, panel + 1) - start;
      float* to = block.v + start * block.input_blocks * kLanes + b * count * kLanes;
      for (int64_t i = 0; i < count; ++i, to += kLanes) {
        const float* from = block.input + image * block.input_image + b * block.input_block +
                            (y * block.input_row + x * kLanes) * Scheme::kInputStep;
        transform_input_tile<Scheme>(from, block.input_row, to, block.v_point);
        if (++x == block.tiles_wide) {
          x = 0;
          if (++y == block.tiles_high) y = 0, ++image;
        }
      }
    }
  }
}

// Weights come from memory. A block's first pass over a point's weights would wait for them while the passes
// after it compute and fetch nothing; so those that do not fit in L1 are cut into chunks that do, all passes
// take a chunk before the next one is touched (the sums pause in m), and each pass fetches its share of what
// comes next, in order and to L1: the hardware's prefetchers follow such a sequence to the memory's full
// bandwidth. On Zen 5, at 512 channels and 16 tiles, chunks of 256, 128, 64 channels take 0.98, 0.89, 0.92
// ms, of which 0.65 are the products when hot and 0.67 the stream at the memory's full rate.
constexpr int64_t kMostUncutBytes = 32 * 1024, kChunkChannels = 128;
// Where one pass takes all tiles, it fetches from so many channels ahead.
constexpr int kNearChannels = 64;
constexpr int64_t kLineFloats = 64 / 4;

struct Product {
  const float* v;        // [block][S][L]
  const float* weights;  // [channel][V][L]
  int64_t full_blocks;
  int tail_lanes;
  float* m;     // [S][V][L]
  bool resume;  // m has the sums of the channels before
  const char* prefetch;
  int64_t prefetch_step;  // bytes per channel
};

// kAlone: there is no other pass, so that every channel fetches one that is a page ahead.
template <int S, int V, bool kAlone>
__attribute__((noinline)) void multiply(const Product& product) {
  Vec sums[S][V];
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < S; ++s)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sums[s][v] = product.resume ? load(product.m + (s * V + v) * kLanes) : zero();
  const float *x = product.v, *w = product.weights;
  const char* prefetch = product.prefetch;
  const auto channel = [&](int lane) __attribute__((always_inline)) {
    Vec weight[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) weight[v] = load(w + v * kLanes);
    if constexpr (kAlone) {
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v)
        if (v * kLanes % kLineFloats == 0) __builtin_prefetch(w + (kNearChannels * V + v) * kLanes, 0, 3);
    } else {
      __builtin_prefetch(prefetch, 0, 3);
      prefetch += product.prefetch_step;
    }
    w += V * kLanes;
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s) {
      const Vec value = broadcast(x[s * kLanes + lane]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sums[s][v] = multiply_add(value, weight[v], sums[s][v]);
    }
  };
  for (int64_t b = 0; b < product.full_blocks; ++b, x += S * kLanes) {
#pragma GCC unroll kUnrollLanes
    for (int lane = 0; lane < kLanes; ++lane) channel(lane);
  }
  for (int lane = 0; lane < product.tail_lanes; ++lane) channel(lane);
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < S; ++s)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(product.m + (s * V + v) * kLanes, sums[s][v]);
}

using Multiply = void (*)(const Product&);
template <int V, bool kAlone>
constexpr Multiply kMultiply[] = {multiply<1, V, kAlone>,  multiply<2, V, kAlone>,  multiply<3, V, kAlone>,
                                  multiply<4, V, kAlone>,  multiply<5, V, kAlone>,  multiply<6, V, kAlone>,
#if FUSOR_SIMD_REGISTERS == 32
                                  multiply<7, V, kAlone>,  multiply<8, V, kAlone>,  multiply<9, V, kAlone>,
                                  multiply<10, V, kAlone>, multiply<11, V, kAlone>, multiply<12, V, kAlone>,
                                  multiply<13, V, kAlone>, multiply<14, V, kAlone>
#endif
};

struct TilePlace {
  float* output;
  const float* residual;
  int64_t height, width;  // live pixels
};

template <class Scheme>
FUSOR_INLINE void transform_output_tile(const float* m, int64_t point, const ConvolutionTarget& target,
                                        Vec bias, const int32_t* mask, const Range& range,
                                        const TilePlace& to) {
  constexpr int M = Scheme::kTile, kSize = Scheme::kPoints;
  Vec rows[M][kSize], pixels[M][M];
#pragma GCC unroll 9
  for (int x = 0; x < kSize; ++x) {
    Vec in[kSize], out[M];
#pragma GCC unroll 9
    for (int y = 0; y < kSize; ++y) in[y] = load(m + (y * kSize + x) * point);
    Scheme::output(in, out);
#pragma GCC unroll 4
    for (int y = 0; y < M; ++y) rows[y][x] = out[y];
  }
#pragma GCC unroll 4
  for (int y = 0; y < M; ++y) {
    Scheme::output(rows[y], pixels[y]);
#pragma GCC unroll 4
    for (int x = 0; x < M; ++x) pixels[y][x] = pixels[y][x] + bias;
  }
  const Vec low = broadcast(range.low), high = broadcast(range.high);
  const auto finish = [&](int y, int x) __attribute__((always_inline)) {
    Vec value = pixels[y][x];
    if (to.residual) value = value + load(to.residual + y * target.residual_row + x * kLanes);
    store(to.output + y * target.output_row + x * kLanes, masked(clamped(value, low, high), mask));
  };
  if (to.height == M && to.width == M) {
#pragma GCC unroll 4
    for (int y = 0; y < M; ++y)
#pragma GCC unroll 4
      for (int x = 0; x < M; ++x) finish(y, x);
  } else {
    for (int y = 0; y < to.height; ++y)
      for (int x = 0; x < to.width; ++x) finish(y, x);
  }
  if (!range.enough)
    for (int y = 0; y < to.height; ++y)
      apply_activation(to.output + y * target.output_row, kLanes, static_cast<int>(to.width),
                       target.activation, mask);
}

template <class Scheme>
void product(const WinogradBlock& block) {
  constexpr int M = Scheme::kTile, kPoints = Scheme::kPoints * Scheme::kPoints;
  const ConvolutionTarget& target = block.target;
  const int64_t tiles = block.tile_end - block.tile_begin, panels = panel_count(tiles);
  const int64_t per_image = block.tiles_high * block.tiles_wide;
  const Range range = activation_range(target.activation);
  Product work;
  for (int64_t panel = block.panel_begin; panel < block.panel_end; ++panel) {
    const int64_t first_block = panel * kPanelVectors;
    const int vectors = first_block + 1 < block.output_blocks ? 2 : 1;
    const float* weights = block.weights + first_block * kPoints * block.channels * kLanes;
    const int64_t row = vectors * kLanes * 4;
    const int64_t chunk =
        panels > 1 && block.channels * row > kMostUncutBytes ? kChunkChannels : block.channels;
    work.prefetch_step = (row + panels - 1) / panels;
    for (int point = 0; point < kPoints; ++point) {
      for (int64_t channel = 0; channel < block.channels; channel += chunk) {
        const int64_t channels = block.channels - channel < chunk ? block.channels - channel : chunk;
        work.full_blocks = channels / kLanes;
        work.tail_lanes = static_cast<int>(channels % kLanes);
        work.weights = weights;
        work.resume = channel > 0;
        weights += channels * vectors * kLanes;
        for (int64_t i = 0; i < panels; ++i) {
          const int64_t start = panel_start(tiles, i), count = panel_start(tiles, i + 1) - start;
          work.v = block.v + point * block.v_point + start * block.input_blocks * kLanes + channel * count;
          work.m = block.m + point * block.m_point + start * vectors * kLanes;
          work.prefetch = reinterpret_cast<const char*>(weights) + i * work.prefetch_step * channels;
          (panels == 1 ? (vectors == 2 ? kMultiply<2, true> : kMultiply<1, true>)
                       : (vectors == 2 ? kMultiply<2, false> : kMultiply<1, false>))[count - 1](work);
        }
      }
    }
    for (int v = 0; v < vectors; ++v) {
      const int64_t b = first_block + v;
      const Vec bias = load(target.bias + b * kLanes);
      const int32_t* mask = target.mask + b * kLanes;
      int64_t image = block.tile_begin / per_image, y = block.tile_begin % per_image / block.tiles_wide;
      int64_t x = block.tile_begin % block.tiles_wide;
      for (int64_t i = 0; i < tiles; ++i) {
        TilePlace to;
        to.output = target.output + image * block.output_image + b * target.output_block +
                    y * M * target.output_row + x * M * kLanes;
        to.residual = target.residual
                          ? target.residual + image * block.residual_image + b * target.residual_block +
                                y * M * target.residual_row + x * M * kLanes
                          : nullptr;
        to.height = block.height - y * M < M ? block.height - y * M : M;
        to.width = block.width - x * M < M ? block.width - x * M : M;
        transform_output_tile<Scheme>(block.m + (i * vectors + v) * kLanes, block.m_point, target, bias, mask,
                                      range, to);
        if (++x == block.tiles_wide) {
          x = 0;
          if (++y == block.tiles_high) y = 0, ++image;
        }
      }
    }
  }
}

}  // namespace

void winograd4_input(const WinogradBlock& block) {
  transform_input<WinogradF4>(block);
}
void winograd4_product(const WinogradBlock& block) {
  product<WinogradF4>(block);
}
void winograd3_input(const WinogradBlock& block) {
  transform_input<WinogradF3>(block);
}
void winograd3_product(const WinogradBlock& block) {
  product<WinogradF3>(block);
}
void winograd2_input(const WinogradBlock& block) {
  transform_input<WinogradF2>(block);
}
void winograd2_product(const WinogradBlock& block) {
  product<WinogradF2>(block);
}
void winograd4_strided_input(const WinogradBlock& block) {
  transform_input<WinogradStridedF4>(block);
}
void winograd4_strided_product(const WinogradBlock& block) {
  product<WinogradStridedF4>(block);
}
void winograd2_strided_input(const WinogradBlock& block) {
  transform_input<WinogradStridedF2>(block);
}
void winograd2_strided_product(const WinogradBlock& block) {
  product<WinogradStridedF2>(block);
}

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
