// The index of the first greatest or least element along a dimension; the first NaN wins either way.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kArgReduce;

}  // namespace fusor::cuda
