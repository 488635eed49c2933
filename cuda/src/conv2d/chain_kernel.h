// The chain of chain.h on the tensor cores of sm_80 and later. One block stays on a multiprocessor and goes
// through neighbouring tiles of pixels; a warp has 16 * Fragments pixels of a tile from the input to z, and
// all their channels.
//
// What a warp computes stays in its registers: the layout in which mma.sync leaves its sums (row g, columns
// 2t and 2t + 1) is that in which it takes its operand A, once two neighbours are rounded and packed. So
// hidden is the operand of the first 1x1 as it stands, and 32 channels of y are finished (bias, residual,
// activation), written and multiplied on to z before the next 32 come. Shared memory holds what warps share:
// input pixels, under nine taps each, and weights. Between warps there is one wait a tile where the weights
// stay, one for each tile of weights where they do not.
//
// Napkin, 64-64-256-64, Fragments = 2. Registers: 64 sums, which become 32 of hidden; then 32 sums of y, 16
// of residual, 64 of z: 144, and some 60 for operands and addresses. Shared memory: 72 + 64 KiB of weights,
// (256 + 2 * 56 + 2) pixels of 128 bytes, 47 KiB: 184 KiB. A tile of 256 pixels does 17.8 million
// multiply-adds, 14,200 clocks at the 1250 a clock that mma.sync reaches on Hopper; its warps read 8 * (36 *
// 3 KiB + 64 KiB) = 1.4 MiB of shared memory, 11,000 clocks; and 328 KB of DRAM traffic take 17,700 clocks of
// a 132nd of 4.3 TB/s. The three overlap by the warps' being at different places.
#pragma once

#include <cstring>

#include "arch/launch.h"
#include "arch/matrix.h"
#include "arch/vector.h"
#include "arch/warp.h"
#include "conv2d/chain.h"
#include "conv2d/chain_loader.h"
#include "conv2d/math.h"

namespace fusor::cuda::chain_detail {

/** Two numbers, rounded to T, as one register. */
template <class T>
FUSOR_DEVICE uint32_t pack(float low, float high) {
  const Vector<T, 2> pair{{from_float<T>(low), from_float<T>(high)}};
  uint32_t bits;
  memcpy(&bits, &pair, sizeof bits);
  return bits;
}

/** Within the activation's bounds. NaN stays. */
FUSOR_DEVICE float bounded(float value, float low, float high) {
  value = value < low ? low : value;
  return value > high ? high : value;
}

/** The pixels of one lane: rows g and g + 8 of each fragment. */
template <int Fragments>
struct LanePixels {
  int first; /* of the warp's */
  FUSOR_DEVICE int row(int fragment, int half) const {
    return first + fragment * 16 + half * 8 + lane_index() / 4;
  }
};

/** Where the lane reads 8 channels of each of its pixels from, and writes them to: channels 8t to 8t + 7 of a
 * group. */
template <class T, int Fragments>
struct GroupValues {
  Vector<T, 8> values[Fragments][2];

  FUSOR_DEVICE void load_from(const void* tensor, const LanePixels<Fragments>& pixels, int channel,
                              int channels, int rows) {
#pragma unroll
    for (int i = 0; i < Fragments; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = pixels.row(i, half);
        if (tensor != nullptr && row < rows && channel < channels) {
          values[i][half] =
              load_streaming<8>(static_cast<const T*>(tensor) + int64_t{row} * channels + channel);
        } else {
#pragma unroll
          for (int e = 0; e < 8; ++e) values[i][half][e] = from_float<T>(0.f);
        }
      }
    }
  }

  FUSOR_DEVICE void store_to(void* tensor, const LanePixels<Fragments>& pixels, int channel, int channels,
                             int rows) const {
#pragma unroll
    for (int i = 0; i < Fragments; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int row = pixels.row(i, half);
        if (row < rows && channel < channels) {
          store(static_cast<T*>(tensor) + int64_t{row} * channels + channel, values[i][half]);
        }
      }
    }
  }

  /** values = bounded(sums + bias + values), of one group's sums in the order of channel_of_row. */
  FUSOR_DEVICE void finish(const float (&sums)[Fragments][4][4], const T* bias, float low, float high) {
    const Vector<T, 8> offsets = load<8>(bias);
#pragma unroll
    for (int i = 0; i < Fragments; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int e = 0; e < 8; ++e) {
          const float sum = sums[i][e / 2][half * 2 + e % 2] + to_float(offsets[e]);
          values[i][half][e] = from_float<T>(bounded(sum + to_float(values[i][half][e]), low, high));
        }
      }
    }
  }

  FUSOR_DEVICE void clear() {
#pragma unroll
    for (auto& fragment : values) {
#pragma unroll
      for (auto& half : fragment) {
#pragma unroll
        for (int e = 0; e < 8; ++e) half[e] = from_float<T>(0.f);
      }
    }
  }
};

template <class S>
__global__ void __launch_bounds__(kThreads, S::kBlocks) chain_kernel(const __grid_constant__ Problem p) {
  begin_after_earlier_launches();
  using T = typename S::T;
  constexpr int kFragments = S::Fragments, kHalves = S::N1 / 64, kHiddenSteps = S::N1 / 16;
  FUSOR_DYNAMIC_SHARED(unsigned char, shared);
  const SharedLayout layout = SharedLayout::of<S>(p);
  unsigned char* const patch = shared + layout.patch;
  unsigned char* const zeros = shared + layout.zeros;
  T* const bias = reinterpret_cast<T*>(shared + layout.bias);

  const int first_tile = static_cast<int>(int64_t{p.tiles} * blockIdx.x / gridDim.x);
  const int end_tile = static_cast<int>(int64_t{p.tiles} * (blockIdx.x + 1) / gridDim.x);
  if (first_tile == end_tile) return;

  load_pixels<T>(patch, p, first_tile * S::kPixels - p.w - 1, S::kPixels + 2 * p.w + 2, 0);
  Weights<S> weights(shared, p, end_tile - first_tile);
  for (int i = threadIdx.x; i < kZeroBytes / 4; i += kThreads) reinterpret_cast<uint32_t*>(zeros)[i] = 0;
  for (int i = threadIdx.x; i < layout.bias3 + S::N3; i += kThreads) {
    const bool last = i >= layout.bias3, first = i < layout.bias2;
    const int channel = last ? i - layout.bias3 : first ? i : i - layout.bias2;
    const T* const from = static_cast<const T*>(last ? p.bias3 : first ? p.bias1 : p.bias2);
    bias[i] = from != nullptr && channel < (last    ? p.k3
                                            : first ? p.k1
                                                    : p.k2)
                  ? from[channel]
                  : from_float<T>(0.f);
  }

  const int lane = lane_index(), t = lane % 4;
  const int taps = kTaps * p.slabs;
  int base = 0;  // the place of the tile's first pixel - w - 1
  for (int tile = first_tile; tile < end_tile; ++tile) {
    const int tile_row = tile * S::kPixels, warp_row = warp_index() * 16 * kFragments;
    const LanePixels<kFragments> pixels{tile_row + warp_row};
    unsigned inside[kFragments];  // of the pixel whose row the lane gives to ldmatrix
#pragma unroll
    for (int i = 0; i < kFragments; ++i) inside[i] = taps_inside(pixels.first + i * 16 + lane % 16, p);
    GroupValues<T, kFragments> values;
    values.load_from(p.residual, pixels, t * 8, p.k2, p.rows);

    // ---- 3x3
    float sums[kHalves][kFragments][8][4] = {};
    int step = 0;
    for (int r = 0, tap = 0; r < 3; ++r) {
      for (int s = 0; s < 3; ++s, ++tap) {
        const unsigned char* rows[kFragments];
        int swizzle[kFragments];
        bool read[kFragments];
#pragma unroll
        for (int i = 0; i < kFragments; ++i) {
          int place = base + warp_row + i * 16 + lane % 16 + r * p.w + s;
          if (place >= p.ring) place -= p.ring;
          swizzle[i] = place % 8;
          read[i] = (inside[i] >> tap & 1) != 0;
          rows[i] = read[i] ? patch + place * kSlabRowBytes : zeros + swizzle[i] * kSlabRowBytes;
        }
        for (int slab = 0; slab < p.slabs; ++slab, ++step) {
          const unsigned char* const b_tile = weights.next(step, step == 0, false, [] {});
#pragma unroll
          for (int k = 0; k < kSlab / 16; ++k) {
            uint32_t a[kFragments][4];
#pragma unroll
            for (int i = 0; i < kFragments; ++i) {
              ldmatrix_x4(a[i], rows[i] + (((k * 2 + lane / 16) ^ swizzle[i]) << 4));
            }
#pragma unroll
            for (int half = 0; half < kHalves; ++half) {
              uint32_t b[8][2];
              conv2d_detail::load_b<kSlabRowBytes>(b, b_tile, half * 64, k);
              mma_tile<T>(sums[half], a, b);
            }
          }
#pragma unroll
          for (int i = 0; i < kFragments; ++i) {
            if (read[i]) rows[i] += p.ring * kSlabRowBytes;
          }
        }
      }
    }

    // ---- bias, activation: hidden as operand A
    uint32_t hidden[kHiddenSteps][kFragments][4];
#pragma unroll
    for (int k = 0; k < kHiddenSteps; ++k) {
#pragma unroll
      for (int side = 0; side < 2; ++side) {  // columns 2t and 2t + 8 of the 16
        const int fragment = k % 4 * 2 + side;
        const Vector<T, 2> offset = load<2>(bias + k * 16 + side * 8 + t * 2);
#pragma unroll
        for (int i = 0; i < kFragments; ++i) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const float* const pair = &sums[k / 4][i][fragment][half * 2];
            hidden[k][i][side * 2 + half] =
                pack<T>(bounded(pair[0] + to_float(offset[0]), p.low[0], p.high[0]),
                        bounded(pair[1] + to_float(offset[1]), p.low[0], p.high[0]));
          }
        }
      }
    }

    // ---- 1x1, written, 1x1: group by group
    float last[S::N3 > 0 ? S::N3 / kGroup : 1][kFragments][4][4] = {};
    for (int group = 0; group < p.groups; ++group) {
      const unsigned char* const b_tile = weights.next(taps + group, false, group == 0, [&] {
        if (tile + 1 == end_tile) return;
        // All warps are done with this tile's inputs: the next one's take the places that it does not need.
        int place = base + S::kPixels + 2 * p.w + 2;
        if (place >= p.ring) place -= p.ring;
        load_pixels<T>(patch, p, tile_row + S::kPixels + p.w + 1, S::kPixels, place);
      });
      float middle[kFragments][4][4] = {};
#pragma unroll
      for (int k = 0; k < kHiddenSteps; ++k) {
        uint32_t b[4][2];
        conv2d_detail::load_b<kSlabRowBytes>(b, b_tile + k / 4 * kGroup * kSlabRowBytes, 0, k % 4);
        mma_tile<T>(middle, hidden[k], b);
      }
      const int channel = group * kGroup + t * 8;
      values.finish(middle, bias + layout.bias2 + channel, p.low[1], p.high[1]);
      values.store_to(p.y, pixels, channel, p.k2, p.rows);
      uint32_t a[2][kFragments][4];
      if constexpr (S::N3 > 0) {
#pragma unroll
        for (int i = 0; i < kFragments; ++i) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            uint32_t words[4];
            memcpy(words, &values.values[i][half], sizeof words);
            // The order of a sum's terms is free: lane t gives its words for the columns that the instruction
            // thinks of as 2t and 2t + 8, and reads the same words of the weights.
#pragma unroll
            for (int k = 0; k < 2; ++k) {
              a[k][i][half] = words[k * 2];
              a[k][i][2 + half] = words[k * 2 + 1];
            }
          }
        }
      }
      if (group + 1 < p.groups) {
        values.load_from(p.residual, pixels, channel + kGroup, p.k2, p.rows);  // lands while z is multiplied
      }
      if constexpr (S::N3 > 0) {
        const unsigned char* const weights3 = b_tile + S::kMiddleBytes + lane * 16;
#pragma unroll
        for (int q = 0; q < S::N3 / kGroup; ++q) {
          uint32_t b[2][4][2];
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            // Eight filters of 32 weights: row g, chunk t is at 16 times the lane, without a conflict of
            // banks.
            const Vector<uint32_t, 4> words =
                load<4>(reinterpret_cast<const uint32_t*>(weights3 + (q * 4 + j) * 8 * kGroup * 2));
#pragma unroll
            for (int k = 0; k < 2; ++k) {
              b[k][j][0] = words[k * 2];
              b[k][j][1] = words[k * 2 + 1];
            }
          }
#pragma unroll
          for (int k = 0; k < 2; ++k) mma_tile<T>(last[q], a[k], b[k]);
        }
      }
    }
    if constexpr (S::N3 > 0) {
#pragma unroll
      for (int q = 0; q < S::N3 / kGroup; ++q) {
        const int channel = q * kGroup + t * 8;
        values.clear();
        values.finish(last[q], bias + layout.bias3 + channel, p.low[2], p.high[2]);
        values.store_to(p.z, pixels, channel, p.k3, p.rows);
      }
    }
    base += S::kPixels;
    if (base >= p.ring) base -= p.ring;
  }
}

/** For each dtype a source file of its own. FUSOR_ERROR_INTERNAL for a choice without a kernel. */
template <class T>
Status run_chain(Stream& stream, const Problem& problem, const ChainChoice& choice);

}  // namespace fusor::cuda::chain_detail
