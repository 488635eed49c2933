// Reductions over any set of dimensions.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

// What f32 elements are folded into, in double: a sum, a product, an extreme, or moments, which are two
// numbers: the mean and the sum of squared deviations from it.
enum class Fold : int32_t { Sum, Product, Maximum, Minimum, Moments };
constexpr int kFolds = 5;

struct ReduceKernels {
  int columns_at_once;
  // Both fold `count` more elements into each of `outputs` results, which hold what `before` elements gave.
  // Rows: the elements of a result are contiguous, those of the next one begin `stride` later.
  // Columns (at most columns_at_once): neighbouring elements belong to neighbouring results, `count` rows are
  // `stride` apart.
  using Function = void (*)(const float* x, int64_t outputs, int64_t count, int64_t stride, int64_t before,
                            double* results);
  Function rows[kFolds], columns[kFolds];
};

extern const OpEntry reduce_op;

}  // namespace fusor::cpu
