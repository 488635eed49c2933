// Maximum and mean over windows and over adaptive bins of [n, c, h, w].
// https://pytorch.org/docs/stable/nn.html#pooling-layers
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kMaxPool2d;
extern const OpEntry kAvgPool2d;
extern const OpEntry kAdaptiveAvgPool2d;
extern const OpEntry kAdaptiveMaxPool2d;

}  // namespace fusor::cuda
