// a where the condition is not 0, else b; all three broadcast.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kWhere;

}  // namespace fusor::cuda
