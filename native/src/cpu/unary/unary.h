// Functions of one tensor, element by element.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

struct UnaryKernels {
  // y[i] = function(x[i]) for the functions that give f32; `function` is a fusor_unary_function.
  void (*apply)(int32_t function, float alpha, float beta, const float* x, float* y, int64_t count);
};

extern const OpEntry unary_op;

}  // namespace fusor::cpu
