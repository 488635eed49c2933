// Launches that overlap (programmatic dependent launch, sm_90): the blocks of a launch made by launch_early()
// may begin while the launch before it still runs, and then wait, before they touch memory (other than a
// plan's constants), until all earlier work is done. What that saves is the time between two kernels, about a
// microsecond each: at batch 1, where a network is fifty kernels of a few microseconds, a good part of the
// whole.
//
// Every thread of such a kernel waits, even if it has nothing to do: a launch counts as done when its threads
// have ended, and the one behind it relies on the ones before it being done as well. Until then a kernel may
// read its parameters, and use shared memory. On cards before sm_90 launches do not overlap and these are
// nothing.
#pragma once

#include "arch/platform.h"

namespace fusor::cuda {

/** The next launch may begin, as soon as all blocks of this one have said so and there is room. */
FUSOR_DEVICE void let_next_launch_begin() {
#if defined(__CUDACC__) && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/** Waits until everything launched earlier has finished, and sees what it wrote. */
FUSOR_DEVICE void wait_for_earlier_launches() {
#if !defined(__CUDACC__)
  emulator::wait_for_earlier_launches();
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/** As long as it lives the thread reads constants of a plan, which were there before any launch that may
 * still run, and need not have waited. Says so to the emulator. */
class ReadsConstants {
 public:
#if defined(__CUDACC__)
  FUSOR_DEVICE ReadsConstants() {}
#else
  ReadsConstants() : before_(emulator::allow_access_before_waiting(true)) {}
  ~ReadsConstants() {
    emulator::allow_access_before_waiting(before_);
  }

 private:
  bool before_;
#endif
};

/** Both: the first words of kernels that have nothing to prepare. */
FUSOR_DEVICE void begin_after_earlier_launches() {
  let_next_launch_begin();
  wait_for_earlier_launches();
}

}  // namespace fusor::cuda
