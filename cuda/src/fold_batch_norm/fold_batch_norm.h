// Folds an inference batch-norm into the convolution or linear before it: with s = gamma / sqrt(variance +
// eps), weight' = weight * s per output channel, bias' = (bias - mean) * s + beta.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kFoldBatchNorm;

}  // namespace fusor::cuda
