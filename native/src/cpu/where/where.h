// a where the condition is not 0, else b.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

struct WhereKernels {
  // [log2 of the element size][operands that are one element for all: bit 0 condition, bit 1 a, bit 2 b]
  void (*select[4][8])(const uint8_t* condition, const void* a, const void* b, void* y, int64_t count);
};

extern const OpEntry where_op;

}  // namespace fusor::cpu
