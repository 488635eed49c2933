#pragma once

#include "cpu/op.h"

namespace fusor::cpu {

extern const OpEntry pad_op;

}  // namespace fusor::cpu
