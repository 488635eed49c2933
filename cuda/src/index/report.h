// The device's side of fault.h.
#pragma once

#include "arch/platform.h"
#include "index/fault.h"

namespace fusor::cuda {

/** Of several at once one stays: whichever was written last, its parts perhaps from two. */
FUSOR_DEVICE void report_index(IndexFault* fault, int32_t op, int32_t dim, int64_t index, int64_t size) {
  fault->index = index;
  fault->size = size;
  fault->op = op;
  fault->dim = dim;
  fault->happened = 1;
}

}  // namespace fusor::cuda
