// mbarrier: a counter of arrivals and of bytes in shared memory (sm_80; with bytes sm_90). A phase ends when
// the expected arrivals have come and the bytes that were announced have landed; waiters name the phase by
// its parity.
#pragma once

#include "arch/async_copy.h"

namespace fusor::cuda {

/** 8 bytes of dynamic shared memory, 8-byte aligned. */
using MBarrier = uint64_t;

FUSOR_DEVICE void mbarrier_initialise(MBarrier* barrier, int arrivals) {
#if defined(__CUDACC__)
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals)
               : "memory");
#else
  emulator::mbarrier_initialise(barrier, arrivals);
#endif
}

/** By the thread that initialised barriers, before the block's barrier that tells the others: the copy engine
 * sees them. */
FUSOR_DEVICE void mbarrier_initialise_fence() {
#if defined(__CUDACC__)
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

FUSOR_DEVICE void mbarrier_arrive(MBarrier* barrier) {
#if defined(__CUDACC__)
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
#else
  emulator::mbarrier_arrive(barrier, 0);
#endif
}

/** Arrives, and announces `bytes` that copies will bring before the phase ends. */
FUSOR_DEVICE void mbarrier_arrive_expect(MBarrier* barrier, int bytes) {
#if defined(__CUDACC__)
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(bytes)
               : "memory");
#else
  emulator::mbarrier_arrive(barrier, bytes);
#endif
}

/** Waits for the end of the phase of this parity: the first is 0. It must be the current one or the one
 * before. */
FUSOR_DEVICE void mbarrier_wait(MBarrier* barrier, int parity) {
#if defined(__CUDACC__)
  asm volatile(
      "{\n"
      ".reg .pred done;\n"
      "AGAIN:\n"
      "mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
      "@done bra DONE;\n"
      "bra AGAIN;\n"
      "DONE:\n"
      "}" ::"r"(shared_address(barrier)),
      "r"(parity)
      : "memory");
#else
  emulator::mbarrier_wait(barrier, parity);
#endif
}

/** Orders this thread's ordinary accesses to shared memory before what the copy engine and wgmma do there
 * afterwards. */
FUSOR_DEVICE void fence_async_shared() {
#if defined(__CUDACC__)
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#else
  emulator::fence_async_shared();
#endif
}

}  // namespace fusor::cuda
