// Functions of each element: f32, f16 and bf16 computed in float; some of them on integers too.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kUnary;

}  // namespace fusor::cuda
