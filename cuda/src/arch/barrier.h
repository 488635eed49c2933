// Barriers among some of a block's warps. __syncthreads() is barrier 0; 1 to 15 are free.
#pragma once

#include "arch/platform.h"

namespace fusor::cuda {

/** Waits until `threads` threads (a multiple of 32) have arrived at or waited on barrier `id`. */
FUSOR_DEVICE void named_barrier_wait(int id, int threads) {
#if defined(__CUDACC__)
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
#else
  emulator::named_barrier(id, threads, true);
#endif
}

/** Arrives without waiting. */
FUSOR_DEVICE void named_barrier_arrive(int id, int threads) {
#if defined(__CUDACC__)
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
#else
  emulator::named_barrier(id, threads, false);
#endif
}

}  // namespace fusor::cuda
