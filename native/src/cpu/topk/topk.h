#pragma once

#include "cpu/op.h"

namespace fusor::cpu {

extern const OpEntry topk_op;

}  // namespace fusor::cpu
