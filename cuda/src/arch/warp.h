// Reductions over a warp and a block, in a fixed order: the same bits in every run.
#pragma once

#include "arch/platform.h"

namespace fusor::cuda {

inline constexpr int kWarpSize = 32;
inline constexpr unsigned kFullWarp = 0xffffffffu;

FUSOR_DEVICE int lane_index() {
  return static_cast<int>(threadIdx.x) % kWarpSize;
}
FUSOR_DEVICE int warp_index() {
  return static_cast<int>(threadIdx.x) / kWarpSize;
}

struct Sum {
  template <class T>
  FUSOR_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};
/** NaN if either is, as PyTorch's maximum. */
struct Maximum {
  FUSOR_DEVICE float operator()(float a, float b) const { return a > b || a != a ? a : b; }
};

/** The reduction of `value` over the `Lanes` neighbouring lanes that this one belongs to, in each of them. */
template <int Lanes = kWarpSize, class T, class Operation>
FUSOR_DEVICE T warp_reduce(T value, Operation operation) {
#pragma unroll
  for (int step = Lanes / 2; step > 0; step /= 2) {
    value = operation(value, __shfl_xor_sync(kFullWarp, value, step));
  }
  return value;
}

/** The reduction over all threads of a block of `Warps` warps, in each of them; all must call it. */
template <int Warps, class T, class Operation>
FUSOR_DEVICE T block_reduce(T value, Operation operation) {
  value = warp_reduce(value, operation);
  if constexpr (Warps > 1) {
    FUSOR_SHARED(T, partial, Warps);
    if (lane_index() == 0) partial[warp_index()] = value;
    __syncthreads();
    // Every warp folds the same numbers in the same order.
    value = partial[0];
#pragma unroll
    for (int w = 1; w < Warps; ++w) value = operation(value, partial[w]);
    __syncthreads();  // the next reduction writes the same array
  }
  return value;
}

}  // namespace fusor::cuda
