// Where the elements of several tensors lie that are walked together: a linear index is taken apart into
// coordinates, and each operand's offset is their product with its strides (0 where it is broadcast).
// Dimension 0 is the innermost. Passed by value to kernels: parameters are read through the constant cache,
// which serves a whole warp at once.
#pragma once

#include <cstdint>

#include "arch/platform.h"
#include "geometry/divisor.h"

namespace fusor::cuda {

// One more than tensors have, for ops that see a dimension as two (groups of channels).
inline constexpr int kMaxDimensions = 9;

template <int kOperands>
struct Walk {
  int32_t rank = 0;
  Divisor sizes[kMaxDimensions];
  int64_t strides[kOperands][kMaxDimensions] = {};

  // In elements. `linear` counts in the order of the dimensions, innermost first.
  __host__ __device__ constexpr void offsets(int64_t linear, int64_t (&offset)[kOperands]) const {
    for (int k = 0; k < kOperands; ++k) offset[k] = 0;
    int d = 0;
    for (; d < rank - 1; ++d) {
      const int64_t outer = sizes[d].quotient(linear);
      const int64_t index = linear - outer * sizes[d].size;
      for (int k = 0; k < kOperands; ++k) offset[k] += index * strides[k][d];
      linear = outer;
    }
    // What is left is the outermost coordinate: no division. All dimensions of rank 0 are gone.
    if (rank > 0)
      for (int k = 0; k < kOperands; ++k) offset[k] += linear * strides[k][d];
  }
};

}  // namespace fusor::cuda
