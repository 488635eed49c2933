// Refuses memory and threads to the program that includes it (once): the n-th request while armed, or all
// from the n-th on. Counted are operator new of the whole program and, by the linker's --wrap, what the
// engine asks of the C library and the system directly (see CMakeLists.txt).
#pragma once

#if defined(_WIN32)
#include <malloc.h>
#include <process.h>
#include <windows.h>
#else
#include <pthread.h>
#include <sys/mman.h>
#endif

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

#if defined(_WIN32)
// The engine calls these through pointers that the linker fills in, and those can be others. Not malloc, of
// which winpthreads has its mutexes.
extern "C" {
extern decltype(&_aligned_malloc) __real___imp__aligned_malloc;
extern decltype(&VirtualAlloc) __real___imp_VirtualAlloc;
extern decltype(&_beginthreadex) __real___imp__beginthreadex;
}
namespace faults {
inline void* __cdecl aligned_malloc(size_t bytes, size_t alignment) {
  return refuses() ? nullptr : __real___imp__aligned_malloc(bytes, alignment);
}
inline void* WINAPI virtual_alloc(void* at, size_t bytes, DWORD type, DWORD protection) {
  return refuses() ? nullptr : __real___imp_VirtualAlloc(at, bytes, type, protection);
}
inline uintptr_t __cdecl begin_thread(void* security, unsigned stack, unsigned(__stdcall* main)(void*),
                                      void* argument, unsigned flags, unsigned* number) {
  if (!threads_refused) return __real___imp__beginthreadex(security, stack, main, argument, flags, number);
  errno = EAGAIN;
  return 0;
}
inline void* get(size_t bytes) {
  return std::malloc(bytes);
}
inline void* get_aligned(size_t alignment, size_t bytes) {
  return __real___imp__aligned_malloc(bytes, alignment);
}
inline void release_aligned(void* memory) {
  _aligned_free(memory);
}
}  // namespace faults
extern "C" {
decltype(&_aligned_malloc) __wrap___imp__aligned_malloc = faults::aligned_malloc;
decltype(&VirtualAlloc) __wrap___imp_VirtualAlloc = faults::virtual_alloc;
decltype(&_beginthreadex) __wrap___imp__beginthreadex = faults::begin_thread;
}
#else
// On musl, whose symbols have no versions, the linker takes what libstdc++ asks of the C library for requests
// to these, too, and refuses them hidden. The dynamic linker does not: nothing but the program comes here.
#pragma GCC visibility push(default)
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
#pragma GCC visibility pop
namespace faults {
inline void* get(size_t bytes) {
  return __real_malloc(bytes);
}
inline void* get_aligned(size_t alignment, size_t bytes) {
  return __real_aligned_alloc(alignment, bytes);
}
inline void release_aligned(void* memory) {
  std::free(memory);
}
}  // namespace faults
#endif

void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return faults::refuses() ? nullptr : faults::get(bytes == 0 ? 1 : bytes);
}
void* operator new(size_t bytes) {
  if (void* const memory = ::operator new(bytes, std::nothrow)) return memory;
  throw std::bad_alloc();
}
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto unit = static_cast<size_t>(alignment);
  return faults::refuses() ? nullptr : faults::get_aligned(unit, (bytes + unit - 1) / unit * unit);
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
  faults::release_aligned(memory);
}
void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  faults::release_aligned(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, size_t) noexcept {
  std::free(memory);
}
