// The device's side of fault.h.
#pragma once

#include "arch/platform.h"
#include "index/fault.h"

namespace fusor::cuda {

/** Of several at once one stays: whichever was written last, its parts perhaps from two. */
FUSOR_DEVICE void report_index(IndexFault* fault, int64_t index, int64_t size) {
  fault->index = index;
  fault->size = size;
  fault->happened = 1;
}

}  // namespace fusor::cuda
