#pragma once

#include "cpu/op.h"

namespace fusor::cpu {

extern const OpEntry concat_op;

}  // namespace fusor::cpu
