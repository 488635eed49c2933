#pragma once

#include "cpu/op.h"

namespace fusor::cpu {

extern const OpEntry group_norm_op;

}  // namespace fusor::cpu
