// Kernels are compiled with -fsanitize=thread and not linked with its runtime: the compiler then calls one of
// these before every access to memory that is not a thread's own, and we look whether the kernel may make it.
#include "emulator/memory.h"

using fusor::cuda::emulator::check_access;

#define FUSOR_HOOK __attribute__((visibility("hidden")))

extern "C" {

#define FUSOR_ACCESS_HOOKS(size)                          \
  FUSOR_HOOK void __tsan_read##size(void* p) {            \
    check_access(p, size, size, false);                   \
  }                                                       \
  FUSOR_HOOK void __tsan_write##size(void* p) {           \
    check_access(p, size, size, true);                    \
  }                                                       \
  FUSOR_HOOK void __tsan_unaligned_read##size(void* p) {  \
    check_access(p, size, 1, false);                      \
  }                                                       \
  FUSOR_HOOK void __tsan_unaligned_write##size(void* p) { \
    check_access(p, size, 1, true);                       \
  }                                                       \
  FUSOR_HOOK void __tsan_volatile_read##size(void* p) {   \
    check_access(p, size, size, false);                   \
  }                                                       \
  FUSOR_HOOK void __tsan_volatile_write##size(void* p) {  \
    check_access(p, size, size, true);                    \
  }
FUSOR_ACCESS_HOOKS(1)
FUSOR_ACCESS_HOOKS(2)
FUSOR_ACCESS_HOOKS(4)
FUSOR_ACCESS_HOOKS(8)
FUSOR_ACCESS_HOOKS(16)

FUSOR_HOOK void __tsan_read_range(void* p, size_t bytes) {
  check_access(p, bytes, 1, false);
}
FUSOR_HOOK void __tsan_write_range(void* p, size_t bytes) {
  check_access(p, bytes, 1, true);
}
FUSOR_HOOK void __tsan_init() {}
FUSOR_HOOK void __tsan_func_entry(void*) {}
FUSOR_HOOK void __tsan_func_exit() {}
FUSOR_HOOK void __tsan_vptr_update(void**, void*) {}
FUSOR_HOOK void __tsan_vptr_read(void**) {}

// Atomics of kernels (language.h) are checked there; here they only happen.
#define FUSOR_ATOMIC_HOOKS(bits)                                                                      \
  FUSOR_HOOK uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t* p, int) {       \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                   \
  FUSOR_HOOK int __tsan_atomic##bits##_compare_exchange_weak(                                         \
      volatile uint##bits##_t* p, uint##bits##_t* expected, uint##bits##_t value, int, int) {         \
    return __atomic_compare_exchange_n(p, expected, value, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }
FUSOR_ATOMIC_HOOKS(32)
FUSOR_ATOMIC_HOOKS(64)
FUSOR_HOOK void __tsan_atomic_thread_fence(int) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

}  // extern "C"
