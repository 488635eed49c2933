// Element types into each other: floats to integers truncate and saturate, NaN gives 0; integers to integers
// keep the low bits; to 16-bit floats rounds to nearest, ties to even, by way of f32.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kConvert;

}  // namespace fusor::cuda
