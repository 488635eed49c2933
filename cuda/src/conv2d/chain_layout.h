// Index arithmetic of the chain kernel: what lies where in shared memory, and which pixel and channel a place
// is. Plain functions of numbers.
//
// Pixels are counted through all images (n h w in one number m), so that a tile is any `kPixels` neighbours
// and the inputs under its 3x3 filters are the range m - w - 1 to m + kPixels + w. That range lies in a ring:
// the next tile brings `kPixels` new ones into the places of those that only this tile used. Taps that leave
// their image read a row of zeros instead.
#pragma once

#include "conv2d/geometry.h"

namespace fusor::cuda::chain_detail {

inline constexpr int kThreads = 256, kWarps = 8;
inline constexpr int kSlab = 64;          /* channels of 16 bits in a row of 128 bytes */
inline constexpr int kSlabRowBytes = 128; /* swizzled by the row's number modulo 8 */
inline constexpr int kGroup = 32;         /* channels of y that are computed, written and used up at a time */
inline constexpr int kTaps = 9;
inline constexpr int kZeroBytes = 8 * kSlabRowBytes;

FUSOR_HOST_DEVICE constexpr int round_up(int value, int to) {
  return (value + to - 1) / to * to;
}

/** Of output channel `row` of a group as the tensor cores see it. Lane t of four holds columns 2t and 2t + 1
 * of each of the four 8-column fragments; with this order these are channels 8t to 8t + 7: one access of 16
 * bytes. */
FUSOR_HOST_DEVICE constexpr int channel_of_row(int row) {
  const int fragment = row / 8, column = row % 8;
  return column / 2 * 8 + fragment * 2 + column % 2;
}

/** One problem, as kernels take it. */
struct Problem {
  int rows; /* n h w */
  int h, w, c, k1, k2, k3;
  int slabs;  /* of 64 input channels */
  int groups; /* of 32 channels of y */
  int ring;   /* pixels in the ring */
  int tiles;
  const void *x, *weight1, *weight2, *weight3, *bias1, *bias2, *bias3, *residual;
  void *y, *z;
  float low[3], high[3]; /* activations */
};

/** Which kernel: see ChainChoice. */
template <class T_, int N1_, int N3_, int Fragments_, bool Resident_>
struct Shape {
  using T = T_;
  static constexpr int N1 = N1_, N3 = N3_, Fragments = Fragments_;
  static constexpr bool Resident = Resident_;
  static constexpr int kPixels = kWarps * 16 * Fragments;
  // A tile of weights: N1 filters x 64 inputs of one tap, or for one group of y its 32 filters x N1 inputs
  // and the N3 x 32 weights that use it.
  static constexpr int kTapBytes = N1 * kSlabRowBytes;
  static constexpr int kMiddleBytes = kGroup * N1 * 2, kLastBytes = N3 * kGroup * 2;
  static constexpr int kGroupBytes = kMiddleBytes + kLastBytes;
  static constexpr int kStages = N1 == 64 ? 4 : 3;
  static constexpr int kStageBytes = kTapBytes > kGroupBytes ? kTapBytes : kGroupBytes;
  /* Blocks that share a multiprocessor, by registers: 128 a thread for two, which sums of z do not fit. */
  static constexpr int kBlocks = !Resident && Fragments == 1 && N1 == 64 && N3 == 0 ? 2 : 1;
};

/** Byte offsets in dynamic shared memory. */
struct SharedLayout {
  int patch, zeros, bias, bytes;
  int bias2, bias3; /* elements from `bias` */

  template <class S>
  FUSOR_HOST_DEVICE static constexpr SharedLayout of(const Problem& p) {
    SharedLayout layout{};
    layout.patch = S::Resident ? kTaps * p.slabs * S::kTapBytes + p.groups * S::kGroupBytes
                               : S::kStages * S::kStageBytes;
    layout.zeros = layout.patch + p.slabs * p.ring * kSlabRowBytes;
    layout.bias = layout.zeros + kZeroBytes;
    layout.bias2 = S::N1;
    layout.bias3 = S::N1 + p.groups * kGroup;
    layout.bytes = layout.bias + (layout.bias3 + S::N3) * 2;
    return layout;
  }
};

/** Places of the ring that a tile needs, in whole swizzles: the places of neighbours then differ modulo 8
 * even where the ring ends. */
FUSOR_HOST_DEVICE constexpr int ring_pixels(int tile_pixels, int w) {
  return round_up(tile_pixels + 2 * w + 2, 8);
}

/** Bit r * 3 + s: the tap at (r, s) of output pixel `row` is inside of its image. 0 for rows past the end. */
FUSOR_HOST_DEVICE unsigned taps_inside(int row, const Problem& p) {
  if (row >= p.rows) return 0;
  const int q = row % p.w, line = row / p.w % p.h;
  const unsigned columns = (q > 0 ? 1u : 0u) | 2u | (q + 1 < p.w ? 4u : 0u);
  return (line > 0 ? columns : 0u) | columns << 3 | (line + 1 < p.h ? columns << 6 : 0u);
}

}  // namespace fusor::cuda::chain_detail
