// Softmax and its logarithm along one dimension.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

struct SoftmaxKernels {
  // Rows of `width` contiguous elements.
  void (*rows)(const float* x, float* y, int64_t rows, int64_t width, bool log);
  // `count` neighbouring columns (at most one vector) of `size` elements, `stride` apart.
  void (*columns)(const float* x, float* y, int count, int64_t size, int64_t stride, bool log);
  int columns_at_once;
};

extern const OpEntry softmax_op;

}  // namespace fusor::cpu
