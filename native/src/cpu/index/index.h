// Reading by index: gather and indexSelect.
#pragma once

#include "cpu/op.h"

namespace fusor::cpu {

extern const OpEntry gather_op, index_select_op;

}  // namespace fusor::cpu
