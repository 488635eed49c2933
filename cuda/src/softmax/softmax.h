// softmax(x) = exp(x - max) / sum(exp(x - max)) along a dimension, or its logarithm.
// https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kSoftmax;

}  // namespace fusor::cuda
