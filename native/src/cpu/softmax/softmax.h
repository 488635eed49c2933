// Softmax and its logarithm along one dimension.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

// At least one row of at least one contiguous element.
struct SoftmaxRows {
  const float* x;
  float* y;
  int64_t rows, width;
  bool log;
  bool streams;  // the result is written around the caches
};

struct SoftmaxKernels {
  void (*rows)(const SoftmaxRows& rows);
  // `count` neighbouring columns (at most one vector) of `size` elements, `stride` apart.
  void (*columns)(const float* x, float* y, int count, int64_t size, int64_t stride, bool log);
  int columns_at_once;
};

extern const OpEntry softmax_op;

}  // namespace fusor::cpu
