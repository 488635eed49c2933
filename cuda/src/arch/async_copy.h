// cp.async (sm_80): global to shared memory without registers in between. A copy lands when its group is
// waited for, and other threads see it after a barrier that follows the wait.
#pragma once

#include "arch/platform.h"

namespace fusor::cuda {

#if defined(__CUDACC__)
FUSOR_DEVICE unsigned shared_address(const void* p) {
  return static_cast<unsigned>(__cvta_generic_to_shared(p));
}
#endif

/** Copies Bytes (4, 8 or 16; both addresses aligned to them), or writes zeros where not `valid`: `global` is
 * not read then, but must be a pointer into some buffer of the device. */
template <int Bytes>
FUSOR_DEVICE void async_copy(void* shared, const void* global, bool valid = true) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16);
#if defined(__CUDACC__)
  const int bytes = valid ? Bytes : 0;
  if constexpr (Bytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
                 "r"(bytes)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)), "l"(global),
                 "n"(Bytes), "r"(bytes)
                 : "memory");
  }
#else
  emulator::async_copy(shared, global, Bytes, valid);
#endif
}

/** Closes this thread's current group of copies. */
FUSOR_DEVICE void async_copy_commit() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  emulator::async_copy_commit();
#endif
}

/** Waits until at most the `Newest` latest of this thread's groups are under way. */
template <int Newest>
FUSOR_DEVICE void async_copy_wait() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" ::"n"(Newest) : "memory");
#else
  emulator::async_copy_wait(Newest);
#endif
}

}  // namespace fusor::cuda
