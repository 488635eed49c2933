// wgmma (sm_90a): a warpgroup (128 threads, four warps from a multiple of four on) multiplies 64 x 16 by 16 x
// N out of shared memory, N up to 256, asynchronously. Thread t holds of the 64 x N sums: row 16 (t / 32) + t
// % 32 / 4 (+ 8), columns 8 j + 2 (t % 4) (+ 1), in the order d[4 j + 2 half + column].
#pragma once

#include "arch/async_copy.h"
#include "arch/types.h"

namespace fusor::cuda {

/** Of an operand in shared memory whose rows (of the 64 or N) are 128 bytes with the 128-byte swizzle,
 * starting at a multiple of 1024 bytes; + 2 is 16 elements of 16 bits further along the rows. */
FUSOR_DEVICE uint64_t wgmma_descriptor(const void* shared) {
#if defined(__CUDACC__)
  const uint64_t address = shared_address(shared);
#else
  const uint64_t address = emulator::shared_address(shared);
#endif
  constexpr uint64_t kSwizzle128 = 1, kEightRows = 1024 / 16;  // units of 16 bytes
  return ((address & 0x3ffff) >> 4) | uint64_t{1} << 16 | kEightRows << 32 | kSwizzle128 << 62;
}

/** Before the first wgmma of a batch: orders it after what the threads did to the sums' registers. */
FUSOR_DEVICE void wgmma_fence() {
#if defined(__CUDACC__)
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#else
  emulator::wgmma_fence();
#endif
}

/** Closes the warpgroup's batch. */
FUSOR_DEVICE void wgmma_commit() {
#if defined(__CUDACC__)
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#else
  emulator::wgmma_commit();
#endif
}

/** Waits until at most the `Newest` latest batches are under way. Until then neither the sums nor the tiles
 * are anybody else's. */
template <int Newest>
FUSOR_DEVICE void wgmma_wait() {
#if defined(__CUDACC__)
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Newest) : "memory");
#else
  emulator::wgmma_wait(Newest);
#endif
}

/** Sets the number of registers of each of a warpgroup's threads: the copying one gives, the multiplying ones
 * take. */
template <int Count>
FUSOR_DEVICE void give_registers() {
#if defined(__CUDACC__)
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Count));
#endif
}
template <int Count>
FUSOR_DEVICE void take_registers() {
#if defined(__CUDACC__)
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Count));
#endif
}

/** d += a b, or d = a b where not `accumulate`. T is bf16 or f16; N = 2 * the size of d. */
template <class T, int Half>
FUSOR_DEVICE void wgmma(float (&d)[Half], uint64_t a, uint64_t b, bool accumulate) {
#if defined(__CUDACC__)
  static_assert(Half == 32 || Half == 64, "N is 64 or 128");
#define FUSOR_SUMS_4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define FUSOR_SUMS_16(i) FUSOR_SUMS_4(i), FUSOR_SUMS_4(i + 4), FUSOR_SUMS_4(i + 8), FUSOR_SUMS_4(i + 12)
#define FUSOR_REGISTERS_32                                                  \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}"
#define FUSOR_REGISTERS_64                                                           \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "          \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}"
#define FUSOR_WGMMA_64(type)                                                             \
  asm volatile(                                                                          \
      "{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"                                       \
      "wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type " " FUSOR_REGISTERS_32 \
      ", %32, %33, p, 1, 1, 0, 0;\n}"                                                    \
      : FUSOR_SUMS_16(0), FUSOR_SUMS_16(16)                                              \
      : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)))
#define FUSOR_WGMMA_128(type)                                                             \
  asm volatile(                                                                           \
      "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"                                        \
      "wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " " FUSOR_REGISTERS_64 \
      ", %64, %65, p, 1, 1, 0, 0;\n}"                                                     \
      : FUSOR_SUMS_16(0), FUSOR_SUMS_16(16), FUSOR_SUMS_16(32), FUSOR_SUMS_16(48)         \
      : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)))
  if constexpr (Half == 32) {
    if constexpr (std::is_same_v<T, bf16>) {
      FUSOR_WGMMA_64("bf16");
    } else {
      FUSOR_WGMMA_64("f16");
    }
  } else {
    if constexpr (std::is_same_v<T, bf16>) {
      FUSOR_WGMMA_128("bf16");
    } else {
      FUSOR_WGMMA_128("f16");
    }
  }
#undef FUSOR_WGMMA_128
#undef FUSOR_WGMMA_64
#undef FUSOR_REGISTERS_64
#undef FUSOR_REGISTERS_32
#undef FUSOR_SUMS_16
#undef FUSOR_SUMS_4
#else
  emulator::wgmma(d, Half * 2, a, b, accumulate, std::is_same_v<T, bf16>);
#endif
}

}  // namespace fusor::cuda
