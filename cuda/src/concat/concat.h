// Inputs joined along a dimension: each is copied into its part of the output.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kConcat;

}  // namespace fusor::cuda
