// Sum, mean, product, greatest, least, variance, any and all over any dimensions.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kReduce;

}  // namespace fusor::cuda
