// The op level: one row per op, and what the backend does around every op.
#pragma once

#include "cpu/op.h"

namespace fusor::cpu {

// fusor_backend.prepare_op and run_op for the active kernels. run_call takes a turn at the pool and makes
// contiguous what the op does not take as it is.
fusor_status prepare_call(const KernelSet& kernels, const fusor_op_call& call);
fusor_status run_call(const KernelSet& kernels, Scratch& scratch, const fusor_op_call& call);

}  // namespace fusor::cpu
