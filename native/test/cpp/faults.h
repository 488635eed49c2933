// Refuses memory and threads to the program that includes it (once): the n-th request while armed, or all
// from the n-th on. Counted are operator new of the whole program and, by the linker's --wrap, what the
// engine asks of the C library and the system directly (see CMakeLists.txt).
#pragma once

#include <pthread.h>
#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace faults {

inline std::atomic<int64_t> countdown{0};  // to the request that fails; 0: none does
inline std::atomic<bool> onwards{false};
inline std::atomic<int64_t> refused{0};
inline std::atomic<bool> threads_refused{false};

// The n-th request from now on fails (from 1), or that and every later one.
inline void arm(int64_t nth, bool all_later = false) {
  refused = 0;
  onwards = all_later;
  countdown = nth;
}
// How many requests failed.
inline int64_t disarm() {
  countdown = 0;
  return refused;
}

inline bool refuses() {
  int64_t left = countdown.load(std::memory_order_relaxed);
  do {
    if (left == 0) return false;
    if (left == 1 && onwards) break;  // and stays at 1
  } while (!countdown.compare_exchange_weak(left, left - 1, std::memory_order_relaxed));
  if (left != 1) return false;
  refused.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace faults

extern "C" {
void* __real_malloc(size_t bytes);
void* __real_aligned_alloc(size_t alignment, size_t bytes);
void* __real_mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset);
int __real_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*main)(void*),
                          void* argument);

void* __wrap_malloc(size_t bytes) {
  return faults::refuses() ? nullptr : __real_malloc(bytes);
}
void* __wrap_aligned_alloc(size_t alignment, size_t bytes) {
  return faults::refuses() ? nullptr : __real_aligned_alloc(alignment, bytes);
}
void* __wrap_mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (!faults::refuses()) return __real_mmap(at, bytes, protection, flags, file, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}
int __wrap_pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*main)(void*),
                          void* argument) {
  if (faults::threads_refused) return EAGAIN;
  return __real_pthread_create(thread, attributes, main, argument);
}
}

void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return faults::refuses() ? nullptr : __real_malloc(bytes == 0 ? 1 : bytes);
}
void* operator new(size_t bytes) {
  if (void* const memory = ::operator new(bytes, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto unit = static_cast<size_t>(alignment);
  return faults::refuses() ? nullptr : __real_aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  if (void* const memory = ::operator new(bytes, alignment, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void* operator new[](size_t bytes) {
  return ::operator new(bytes);
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return ::operator new(bytes, std::nothrow);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}
