// activation(x + residual).
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kResidualAdd;

}  // namespace fusor::cuda
