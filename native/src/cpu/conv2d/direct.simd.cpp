// Direct convolution by indirection: out[pixel][k] = sum over taps of in[pixel + tap][c] w[tap][c][k].
//
// A tap is one vector of input channels at one kernel position, so one list of offsets, shared by all pixels,
// stands for any kernel, dilation and padding (the halo is zero), and a pixel is a pointer, so that any
// stride and any run of pixels will do: no im2col. Register tile: S pixels x V vectors of output channels.
// Each channel of a tap costs V weight loads, S broadcasts and S*V multiply-adds. With 14 x 2 (AVX-512) that
// is 16 loads for 28 multiply-adds, with 6 x 2 (AVX2) 8 for 12: below two loads a cycle, so the limit is the
// multiply-add units: 95 to 99% of their peak where weights are in L1 or L2. Sums over more taps than
// `chunk_taps` pause in a scratch buffer, in order.
//
// 14 pixel pointers do not fit the integer registers. Where a row splits into tiles of 8 to 14 neighbours
// (all maps of 224-pixel networks but the last), the pixels of a tile are one pointer and constants: no
// reloads, and whole lines in sequence. Asking for the output's lines along the way, one per channel, takes
// the pipes of the loads: it cost single layers up to a quarter and gave a network nothing.
#include "cpu/conv2d/epilogue.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

struct Tile {
  const float* input;
  const int64_t* pixels;  // offsets of S pixels; of a row's neighbours only the first counts
  const int64_t* taps;
  int64_t full_taps, tail_taps;
  int tail_lanes;
  const float* weights;
  const char* prefetch;   // the next weights, fetched to L2 along the way
  int64_t prefetch_step;  // bytes per channel
  const float* next;      // pixels needed later, fetched to L2 along the way, one per channel of a tap
  const int64_t* next_pixels;
  int64_t next_count;
};

// sums += the taps of S pixels. kRow: neighbours in a row, kLanes apart.
template <int S, int V, bool kAhead, bool kRow>
FUSOR_INLINE void accumulate(const Tile& tile, Vec (&sums)[S][V]) {
  const float* pixel[S];
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < S; ++s)
    pixel[s] = kRow ? tile.input + tile.pixels[0] + s * kLanes : tile.input + tile.pixels[s];
  const float* w = tile.weights;
  const char* prefetch = tile.prefetch;
  const auto channel = [&](int64_t offset) __attribute__((always_inline)) {
    Vec weight[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) weight[v] = load(w + v * kLanes);
    w += V * kLanes;
    __builtin_prefetch(prefetch, 0, 2);
    prefetch += tile.prefetch_step;
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s) {
      const Vec x = broadcast(pixel[s][offset]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sums[s][v] = multiply_add(x, weight[v], sums[s][v]);
    }
  };
  for (int64_t t = 0; t < tile.full_taps; ++t) {
    const int64_t tap = tile.taps[t];
    const float* next = kAhead ? tile.next + tap : nullptr;
#pragma GCC unroll kUnrollLanes
    for (int lane = 0; lane < kLanes; ++lane) {
      if (kAhead && lane < tile.next_count)
        __builtin_prefetch(next + (kRow ? tile.next_pixels[0] + lane * kLanes : tile.next_pixels[lane]), 0,
                           2);
      channel(tap + lane);
    }
  }
  for (int64_t t = tile.full_taps; t < tile.full_taps + tile.tail_taps; ++t)
    for (int lane = 0; lane < tile.tail_lanes; ++lane) channel(tile.taps[t] + lane);
}

// Where the S pixels of a tile go.
struct TileTarget {
  const int64_t *output_pixels, *residual_pixels;  // offsets, used as Tile::pixels are
  float* output;                                   // the panel's first block
  const float *bias, *residual;
  const int32_t* mask;
  float* scratch;  // S x V vectors
  bool first, last;
  bool plain;  // nothing but a ReLU, and all lanes are live
};

template <int S, int V, bool kAhead, bool kRow = false>
__attribute__((noinline)) void run_tile(const Tile& tile, const TileTarget& to,
                                        const ConvolutionTarget& target) {
  const auto output = [&](int s, int v) __attribute__((always_inline)) {
    return to.output + (kRow ? to.output_pixels[0] + s * kLanes : to.output_pixels[s]) +
           v * target.output_block;
  };
  const auto residual = [&](int s, int v) __attribute__((always_inline)) {
    return to.residual + (kRow ? to.residual_pixels[0] + s * kLanes : to.residual_pixels[s]) +
           v * target.residual_block;
  };
  Vec sums[S][V];
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < S; ++s)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v)
      sums[s][v] = to.first ? load(to.bias + v * kLanes) : load(to.scratch + (s * V + v) * kLanes);
  if (!kRow && to.last) {
    // The lines that the epilogue needs are fetched while the sums are made.
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) __builtin_prefetch(output(s, v), 1, 3);
    if (to.residual) {
#pragma GCC unroll kUnrollTile
      for (int s = 0; s < S; ++s)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) __builtin_prefetch(residual(s, v), 0, 3);
    }
  }
  accumulate<S, V, kAhead, kRow>(tile, sums);
  if (!to.last) {
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) store(to.scratch + (s * V + v) * kLanes, sums[s][v]);
    return;
  }
  if (to.residual) {
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sums[s][v] = sums[s][v] + load(residual(s, v));
  }
  const Range range = activation_range(target.activation);
  const Vec low = broadcast(range.low), high = broadcast(range.high);
  if (to.plain) {
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s)
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) store(output(s, v), maximum(low, sums[s][v]));
    return;
  }
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < S; ++s)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v)
      store(output(s, v), masked(clamped(sums[s][v], low, high), to.mask + v * kLanes));
  if (!range.enough)
    for (int s = 0; s < S; ++s)
      for (int v = 0; v < V; ++v)
        apply_activation(output(s, v), 0, 1, target.activation, to.mask + v * kLanes);
}

using RunTile = void (*)(const Tile&, const TileTarget&, const ConvolutionTarget&);
template <bool kAhead>
constexpr RunTile kWideTiles[] = {run_tile<1, 2, kAhead>,  run_tile<2, 2, kAhead>,  run_tile<3, 2, kAhead>,
                                  run_tile<4, 2, kAhead>,  run_tile<5, 2, kAhead>,  run_tile<6, 2, kAhead>,
#if FUSOR_SIMD_REGISTERS == 32
                                  run_tile<7, 2, kAhead>,  run_tile<8, 2, kAhead>,  run_tile<9, 2, kAhead>,
                                  run_tile<10, 2, kAhead>, run_tile<11, 2, kAhead>, run_tile<12, 2, kAhead>,
                                  run_tile<13, 2, kAhead>, run_tile<14, 2, kAhead>
#endif
};
template <bool kAhead>
constexpr RunTile kNarrowTiles[] = {run_tile<1, 1, kAhead>,  run_tile<2, 1, kAhead>,  run_tile<3, 1, kAhead>,
                                    run_tile<4, 1, kAhead>,  run_tile<5, 1, kAhead>,  run_tile<6, 1, kAhead>,
                                    run_tile<7, 1, kAhead>,  run_tile<8, 1, kAhead>,  run_tile<9, 1, kAhead>,
                                    run_tile<10, 1, kAhead>, run_tile<11, 1, kAhead>, run_tile<12, 1, kAhead>,
#if FUSOR_SIMD_REGISTERS == 32
                                    run_tile<13, 1, kAhead>, run_tile<14, 1, kAhead>
#endif
};
#if FUSOR_SIMD_REGISTERS == 32
template <bool kAhead>
constexpr RunTile kRowTiles[] = {run_tile<8, 2, kAhead, true>,  run_tile<9, 2, kAhead, true>,
                                 run_tile<10, 2, kAhead, true>, run_tile<11, 2, kAhead, true>,
                                 run_tile<12, 2, kAhead, true>, run_tile<13, 2, kAhead, true>,
                                 run_tile<14, 2, kAhead, true>};
#endif
constexpr int kWidePixels = FUSOR_SIMD_REGISTERS == 32 ? 14 : 6;
constexpr int kNarrowPixels = FUSOR_SIMD_REGISTERS == 32 ? 14 : 12;

// Where the tiles of a block of pixels start: rows of `row` pixels (all of them as one, where tiles need not
// keep to rows), each cut into the fewest tiles of at most `most`, of heights that differ by one at most.
// Made once for all panels: divisions would cost a tenth of a small tile's time.
struct TileSplit {
  int64_t most = 0, tiles = 0;
  bool by_rows = false;
  int64_t start[kMostBlockPixels + 1];

  void set(int64_t pixels, int64_t row, int64_t most_pixels, bool rows) {
    most = most_pixels;
    by_rows = rows;
    tiles = 0;
    const int64_t parts = (row + most - 1) / most;
    for (int64_t y = 0; y < pixels; y += row)
      for (int64_t i = 0; i < parts; ++i) start[tiles++] = y + row * i / parts;
    start[tiles] = pixels;
  }
};

}  // namespace

void direct(const DirectBlock& block) {
  const ConvolutionTarget& target = block.target;
  const int64_t count = block.pixel_end - block.pixel_begin;
  // Offsets of the pixels, once for all panels.
  int64_t* input_pixels = reinterpret_cast<int64_t*>(block.scratch);
  int64_t* output_pixels = input_pixels + kMostBlockPixels;
  int64_t* residual_pixels = output_pixels + kMostBlockPixels;
  int64_t* next_pixels = residual_pixels + kMostBlockPixels;
  float* scratch = reinterpret_cast<float*>(next_pixels + kMostBlockPixels);
  const auto for_each_pixel = [&](int64_t begin, int64_t end, const auto& body) {
    int64_t y = begin / block.width, x = begin % block.width;
    for (int64_t i = 0; i < end - begin; ++i) {
      body(i, y, x);
      if (++x == block.width) x = 0, ++y;
    }
  };
  for_each_pixel(block.pixel_begin, block.pixel_end, [&](int64_t i, int64_t y, int64_t x) {
    input_pixels[i] = y * block.row_step + x * block.column_step;
    output_pixels[i] = y * target.output_row + x * kLanes;
    residual_pixels[i] = y * target.residual_row + x * kLanes;
  });
  const int64_t next_count = block.next_input ? block.next_end - block.next_begin : 0;
  if (next_count > 0)
    for_each_pixel(block.next_begin, block.next_end, [&](int64_t i, int64_t y, int64_t x) {
      next_pixels[i] = y * block.row_step + x * block.column_step;
    });

  const int64_t taps = block.full_taps + block.tail_taps;
  const int64_t channels = block.full_taps * kLanes + block.tail_taps * block.tail_lanes;
  TileSplit split;
  for (int64_t panel = block.panel_begin; panel < block.panel_end; ++panel) {
    const int64_t group = panel / block.panels_per_group,
                  in_group = panel % block.panels_per_group * kPanelVectors;
    const int64_t first_block = group * block.blocks_per_group + in_group;
    const bool wide = in_group + 1 < block.blocks_per_group, by_rows = wide && block.by_rows;
    const int vectors = wide ? 2 : 1;
    const int64_t most = wide ? kWidePixels : kNarrowPixels;
    if (split.most != most || split.by_rows != by_rows)
      split.set(count, by_rows ? block.width : count, most, by_rows);
    const int64_t tiles = split.tiles;
    const float* weights = block.weights + first_block * channels * kLanes;

    Tile tile;
    tile.input = block.input + group * block.group_input;
    tile.tail_lanes = block.tail_lanes;
    TileTarget to;
    to.output = target.output + first_block * target.output_block;
    to.residual = target.residual ? target.residual + first_block * target.residual_block : nullptr;
    to.bias = target.bias + first_block * kLanes;
    to.mask = target.mask + first_block * kLanes;
    to.plain = target.activation.kind <= FUSOR_ACTIVATION_RELU && to.mask[vectors * kLanes - 1] != 0;
    for (int64_t begin = 0; begin < taps; begin += block.chunk_taps) {
      const int64_t end = begin + block.chunk_taps < taps ? begin + block.chunk_taps : taps;
      const int64_t full_end = end < block.full_taps ? end : block.full_taps;
      tile.full_taps = full_end > begin ? full_end - begin : 0;
      tile.tail_taps = end - begin - tile.full_taps;
      tile.taps = block.taps + begin;
      tile.weights = weights;
      const int64_t chunk_channels = tile.full_taps * kLanes + tile.tail_taps * block.tail_lanes;
      weights += chunk_channels * vectors * kLanes;
      // What follows in memory is needed next: each tile fetches its part of it, a line per channel.
      const bool more = end < taps || panel + 1 < block.panels_ahead;
      tile.prefetch_step = more ? (vectors * kLanes * 4 + tiles - 1) / tiles : 0;
      const char* prefetch = reinterpret_cast<const char*>(more ? weights : tile.weights);
      to.first = begin == 0;
      to.last = end == taps;
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t from = split.start[i], pixels = split.start[i + 1] - from;
        tile.pixels = input_pixels + from;
        // Blocks of channels lie far apart, so no hardware prefetcher sees a tile's input coming. Each panel
        // brings its part of the pixels that have this tile's place in the next block; where nobody did that
        // for this block, the first panel brings the next tile's.
        tile.next_count = 0;
        if (!block.is_fetched && panel == block.panel_begin) {
          tile.next = tile.input;
          tile.next_pixels = input_pixels + from + pixels;
          tile.next_count = i + 1 < tiles ? split.start[i + 2] - split.start[i + 1] : 0;
        } else if (next_count > 0) {
          const int64_t part = panel % block.panels_per_group;
          const int64_t first = from + pixels * part / block.panels_per_group,
                        last = from + pixels * (part + 1) / block.panels_per_group;
          tile.next = block.next_input + group * block.group_input;
          tile.next_pixels = next_pixels + first;
          tile.next_count = (last < next_count ? last : next_count) - first;
        }
        const bool ahead = tile.next_count > 0;
        tile.prefetch = prefetch + i * tile.prefetch_step * chunk_channels;
        to.output_pixels = output_pixels + from;
        to.residual_pixels = residual_pixels + from;
        to.scratch = scratch + from * vectors * kLanes;
#if FUSOR_SIMD_REGISTERS == 32
        if (by_rows) {
          (ahead ? kRowTiles<true> : kRowTiles<false>)[pixels - kLeastRowPixels](tile, to, target);
          continue;
        }
#endif
        const RunTile* run = wide ? (ahead ? kWideTiles<true> : kWideTiles<false>)
                                  : (ahead ? kNarrowTiles<true> : kNarrowTiles<false>);
        run[pixels - 1](tile, to, target);
      }
    }
  }
}

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
