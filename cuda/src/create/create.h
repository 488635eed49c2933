// Tensors from numbers: full of one value, or start + i * step.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kFill;
extern const OpEntry kArange;

}  // namespace fusor::cuda
