// activation(x + residual): the end of a residual block.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

struct ResidualAddKernels {
  void (*add)(const float* x, const float* residual, float* y, int64_t count,
              const fusor_activation& activation);
};

extern const OpEntry residual_add_op;

}  // namespace fusor::cpu
