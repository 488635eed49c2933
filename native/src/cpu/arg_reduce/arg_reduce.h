#pragma once

#include "cpu/op.h"

namespace fusor::cpu {

extern const OpEntry arg_reduce_op;

}  // namespace fusor::cpu
