// Padding with a constant (negative amounts crop), or by reflecting or replicating the edge.
// https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kPad;

}  // namespace fusor::cuda
