// Joining what the threads of a team have gathered, in an order that is fixed by the team's size: the same
// bits in every run. A team is a power of two of neighbouring threads, up to the block.
#pragma once

#include <cstring>

#include "arch/warp.h"

namespace fusor::cuda {

/** `value` of the thread `step` lanes over, for any plain struct. */
template <class T>
FUSOR_DEVICE T exchange(const T& value, int step) {
  constexpr int kWords = (sizeof(T) + 3) / 4;
  uint32_t words[kWords] = {};
  memcpy(words, &value, sizeof(T));
#pragma unroll
  for (int i = 0; i < kWords; ++i) words[i] = __shfl_xor_sync(kFullWarp, words[i], step);
  T result;
  memcpy(&result, words, sizeof(T));
  return result;
}

/** The team's values joined by `join(into, from)`, in every thread of it. All threads of the block call this,
 * with the same number of lanes. */
template <class T, class Join>
FUSOR_DEVICE T join_team(T value, int lanes, const Join& join) {
  const int in_warp = lanes < kWarpSize ? lanes : kWarpSize;
  for (int step = in_warp / 2; step > 0; step /= 2) {
    T other = exchange(value, step);
    // The lower lane's first in both, so that all lanes get the same bits.
    if (lane_index() & step) {
      join(other, value);
      value = other;
    } else {
      join(value, other);
    }
  }
  if (lanes <= kWarpSize) return value;
  FUSOR_SHARED(T, partial, 32);
  if (lane_index() == 0) partial[warp_index()] = value;
  __syncthreads();
  const int first = static_cast<int>(threadIdx.x) / lanes * (lanes / kWarpSize);
  value = partial[first];
  for (int warp = 1; warp < lanes / kWarpSize; ++warp) join(value, partial[first + warp]);
  __syncthreads();  // the next call writes the same array
  return value;
}

}  // namespace fusor::cuda
