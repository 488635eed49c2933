// The end of a convolution: bias, residual and activation on sums in f32, one rounding, 16-byte stores. A
// warp lays its sums out row by row in a piece of shared memory of its own, because fragments of the tensor
// cores have two neighbouring channels per lane, which would make stores of 4 bytes.
#pragma once

#include "arch/vector.h"
#include "arch/warp.h"
#include "conv2d/geometry.h"
#include "math/functions.h"

namespace fusor::cuda::conv2d_detail {

template <class T>
struct Epilogue {
  const T* bias;
  const T* residual;
  T* y;
  float* partial; /* not nullptr: the sums go there, [row][channel of all groups], and the rest comes later */
  fusor_activation activation;
};

/** `Length` neighbouring channels of a row: `channel` counts over all groups. */
template <int Length, class T>
FUSOR_DEVICE void finish(const Epilogue<T>& e, int64_t row, int channel, int pixel_y, float (&sums)[Length]) {
  const int64_t offset = row * pixel_y + channel;
  if (e.bias != nullptr) {
    const Vector<T, Length> bias = load<Length>(e.bias + channel);
#pragma unroll
    for (int i = 0; i < Length; ++i) sums[i] += to_float(bias[i]);
  }
  if (e.residual != nullptr) {
    const Vector<T, Length> residual = load<Length>(e.residual + offset);
#pragma unroll
    for (int i = 0; i < Length; ++i) sums[i] += to_float(residual[i]);
  }
  activate(sums, e.activation);
  Vector<T, Length> y;
#pragma unroll
  for (int i = 0; i < Length; ++i) y[i] = from_float<T>(sums[i]);
  store(e.y + offset, y);
}

/** Floats from one staged row to the next. 8 more than the row: pairs of the 8 rows of a fragment then fall
 * into different banks. */
template <int Columns>
inline constexpr int kStagedStride = Columns + 8;

/** A warp's 16 staged rows of `Columns` sums, to where they belong. `row` and `channel` are those of the
 * first; `aligned` says that vectors of T may be used. */
template <int Columns, class T>
FUSOR_DEVICE void finish_staged_rows(const Epilogue<T>& e, const float* staged, int64_t row,
                                     int channel_in_group, int channel, const Geometry& g, bool aligned) {
  constexpr int kLength = kVectorLength<T>, kPerRow = Columns / kLength, kRows = 16;
  static_assert(kRows * kPerRow % kWarpSize == 0);
#pragma unroll
  for (int pass = 0; pass < kRows * kPerRow / kWarpSize; ++pass) {
    const int index = pass * kWarpSize + lane_index();
    const int r = index / kPerRow, column = index % kPerRow * kLength;
    if (row + r >= g.rows || channel_in_group + column >= g.k) continue;
    float sums[kLength];
#pragma unroll
    for (int i = 0; i < kLength; i += 4) {
      const Vector<float, 4> v = load<4>(staged + r * kStagedStride<Columns> + column + i);
#pragma unroll
      for (int j = 0; j < 4; ++j) sums[i + j] = v[j];
    }
    const bool whole = aligned && channel_in_group + column + kLength <= g.k;
    if (e.partial != nullptr) {
      float* to = e.partial + (row + r) * g.pixel_y + channel + column;
#pragma unroll
      for (int i = 0; i < kLength; ++i) {
        if (channel_in_group + column + i < g.k) to[i] = sums[i];
      }
    } else if (whole) {
      finish<kLength>(e, row + r, channel + column, g.pixel_y, sums);
    } else {
#pragma unroll
      for (int i = 0; i < kLength; ++i) {
        float one[1] = {sums[i]};
        if (channel_in_group + column + i < g.k) finish<1>(e, row + r, channel + column + i, g.pixel_y, one);
      }
    }
  }
}

}  // namespace fusor::cuda::conv2d_detail
