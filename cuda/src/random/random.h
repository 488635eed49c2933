// Random tensors from a counter-based generator: element i of a stream depends on the seed and on i alone,
// and is the same on the CPU. Elements come in groups of 64: 16 counters give four words each, and element 16
// w + j of group g is made from word w of counter 16 g + j.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kRandom;

}  // namespace fusor::cuda
