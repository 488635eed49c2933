// Conversions between element types.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

struct ConvertKernels {
  // `count` contiguous elements. Floats to integers truncate and saturate, NaN gives 0; integers to narrower
  // ones wrap, as in C; everything else rounds to nearest even.
  void (*convert[FUSOR_DTYPE_COUNT][FUSOR_DTYPE_COUNT])(const void* from, void* to, int64_t count);
};

extern const OpEntry convert_op;

}  // namespace fusor::cpu
