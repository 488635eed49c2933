// Functions of two tensors, element by element, broadcasting.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

struct BinaryKernels {
  // y[i] = function(a[i], b[i]), or with a[0] or b[0] for all i: [fusor_binary_function][Both, FirstIsOne,
  // SecondIsOne]. From FUSOR_BINARY_EQ on y is u8. Null: the dtype has no such function (FUSOR_BINARY_DIV of
  // integers).
  enum { Both = 0, FirstIsOne = 1, SecondIsOne = 2 };
  using Function = void (*)(const void* a, const void* b, void* y, int64_t count);
  using Functions = Function[FUSOR_BINARY_COUNT][3];
  Functions f32, i32, i64, u8;
};

extern const OpEntry binary_op;

}  // namespace fusor::cpu
