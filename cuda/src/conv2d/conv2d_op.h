// torch.nn.functional.conv2d with bias, residual and activation: the entry of the op table. Kernels are in
// conv2d.h.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kConv2d;

}  // namespace fusor::cuda
