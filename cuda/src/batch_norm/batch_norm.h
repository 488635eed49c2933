// Batch-norm: (x - mean) / sqrt(variance + eps) * weight + bias per channel, dimension 1, with residual and
// activation at inference; by the statistics of the batch in training, where the running ones are updated.
// https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kBatchNorm;
extern const OpEntry kBatchNormTraining;

}  // namespace fusor::cuda
