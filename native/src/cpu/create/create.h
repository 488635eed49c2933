// Tensors from nothing: fill and arange.
#pragma once

#include "cpu/op.h"

namespace fusor::cpu {

extern const OpEntry fill_op, arange_op;

}  // namespace fusor::cpu
