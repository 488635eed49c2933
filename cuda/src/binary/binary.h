// Arithmetic, comparison and logic on two broadcast operands of one element type.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kBinary;

}  // namespace fusor::cuda
