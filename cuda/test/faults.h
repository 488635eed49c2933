// Kernels with one fault each. The emulator has to find them all.
#pragma once

#include "arch/stream.h"

namespace fusor::cuda::testing {

enum class Fault {
  none,
  missing_wait,             // reads what cp.async has not brought yet
  missing_synchronization,  // reads what another warp may not have written yet
  uninitialised_shared,
  global_out_of_bounds,        // one element after the end, plain access
  global_out_of_bounds_write,  // one element before the start
  global_vector_out_of_bounds,
  shared_out_of_bounds,
  static_shared_out_of_bounds,
  barrier_not_reached,     // by half of the block
  collective_not_reached,  // by one lane
  ended_before_barrier,
  misaligned,
};

/** Reverses `count` = 128 floats through shared memory. */
Status reverse_with_fault(Stream& stream, Fault fault, const float* x, float* y);

}  // namespace fusor::cuda::testing
