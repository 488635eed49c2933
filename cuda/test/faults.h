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
  lane_outside_mask,
  touched_before_waiting,  // memory, by a launch that begins before the one before has ended
  copied_before_waiting,   // the same by cp.async
  never_waited,            // one of its threads
};

/** Reverses `count` = 128 floats through shared memory. */
Status reverse_with_fault(Stream& stream, Fault fault, const float* x, float* y);

enum class HopperFault {
  none,
  barrier_not_initialised,
  too_many_arrivals,
  missing_load_wait,    // of the copy engine's load
  missing_proxy_fence,  // between writing shared memory and wgmma reading it
  missing_product_fence,
  missing_product_wait,
  missing_store_wait,  // of the copy engine's store, before the thread ends
};

/** Copies `x`, a 64 x 64 matrix of bf16, to `y` as a product with the identity: TMA, wgmma, TMA. */
Status multiply_with_fault(Stream& stream, HopperFault fault, const void* x, void* y);

}  // namespace fusor::cuda::testing
