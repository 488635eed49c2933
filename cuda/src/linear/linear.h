// Matrix products by the kernels of conv2d: y = activation(x weight^T + bias + residual), and batches of a b.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kLinear;
extern const OpEntry kMatmul;

}  // namespace fusor::cuda
