// Group-norm (Wu and He 2018, https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html): the c /
// groups channels of a group of one image share mean and variance; weight and bias are per channel.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kGroupNorm;

}  // namespace fusor::cuda
