#pragma once

#include "cpu/op.h"

namespace fusor::cpu {

extern const OpEntry fold_batch_norm_op;

}  // namespace fusor::cpu
