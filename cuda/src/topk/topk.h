// The k greatest or least elements along a dimension and their indices, in order. NaN counts as the greatest,
// as in PyTorch; of equal elements the one with the lower index comes first, so the result is determined.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kTopk;

}  // namespace fusor::cuda
