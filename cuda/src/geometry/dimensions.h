// Host side of Walk: the dimensions of an op's operands, brought into the order of memory and joined where
// they lie as one, so that kernels see as few as possible: two contiguous tensors of any shape have one.
#pragma once

#include <algorithm>
#include <cstdint>

#include "geometry/walk.h"

namespace fusor::cuda {

template <int kOperands>
struct Dimensions {
  int rank = 0;  // dimension 0 is the innermost once `order` has run
  int64_t sizes[kMaxDimensions] = {};
  int64_t strides[kOperands][kMaxDimensions] = {};

  // Appends a dimension, outermost first. Those of size 1 say nothing and are left out.
  void add(int64_t size, const int64_t (&stride)[kOperands]) {
    if (size == 1) return;
    sizes[rank] = size;
    for (int k = 0; k < kOperands; ++k) strides[k][rank] = stride[k];
    ++rank;
  }

  int64_t count() const {
    int64_t product = 1;
    for (int d = 0; d < rank; ++d) product *= sizes[d];
    return product;
  }

  // Sorts by the strides of operand `lead`, smallest (innermost) first, then joins neighbours.
  void order(int lead) {
    // From innermost to outermost as given; a stable sort keeps that among equal strides.
    for (int d = 0; d < rank / 2; ++d) swap(d, rank - 1 - d);
    for (int d = 1; d < rank; ++d)
      for (int e = d; e > 0 && strides[lead][e] < strides[lead][e - 1]; --e) swap(e, e - 1);
    join();
  }

  // Joins dimension d + 1 to d where stepping over all of d is one step of d + 1 in every operand.
  void join() {
    int joined = 0;
    for (int d = 1; d < rank; ++d) {
      bool is_one = true;
      for (int k = 0; k < kOperands; ++k)
        is_one = is_one && strides[k][d] == strides[k][joined] * sizes[joined];
      if (is_one) {
        sizes[joined] *= sizes[d];
      } else {
        ++joined;
        sizes[joined] = sizes[d];
        for (int k = 0; k < kOperands; ++k) strides[k][joined] = strides[k][d];
      }
    }
    if (rank > 0) rank = joined + 1;
  }

  // Steps of `width` elements along the innermost dimension, which it divides.
  Walk<kOperands> walk(int64_t width = 1) const {
    Walk<kOperands> result;
    result.rank = rank;
    for (int d = 0; d < rank; ++d) {
      result.sizes[d] = Divisor(d == 0 ? (sizes[0] + width - 1) / width : sizes[d]);
      for (int k = 0; k < kOperands; ++k)
        result.strides[k][d] = d == 0 ? strides[k][0] * width : strides[k][d];
    }
    return result;
  }

 private:
  void swap(int d, int e) {
    std::swap(sizes[d], sizes[e]);
    for (int k = 0; k < kOperands; ++k) std::swap(strides[k][d], strides[k][e]);
  }
};

}  // namespace fusor::cuda
