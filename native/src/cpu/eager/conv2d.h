#pragma once

#include "cpu/op.h"

namespace fusor::cpu {

extern const OpEntry conv2d_op;

}  // namespace fusor::cpu
