// The device's memory: a range of addresses of its own, where every allocation ends at a page that cannot be
// touched and knows its exact size. Every access of a kernel is checked: the compiler calls check_access for
// each (access_hooks.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "arch/status.h"

namespace fusor::cuda::emulator {

/** Faults unless a kernel may touch these bytes and they are aligned. */
void check_access(const void* address, size_t bytes, size_t alignment, bool write);

template <class V>
inline V load_bytes(const void* from) {
  check_access(from, sizeof(V), sizeof(V), false);
  V v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}
template <class V>
inline void store_bytes(void* to, const V& v) {
  check_access(to, sizeof(V), sizeof(V), true);
  __builtin_memcpy(to, &v, sizeof v);
}

Status allocate_memory(void** pointer, size_t bytes, bool pinned);
Status release_memory(void* pointer);
/** Whether `bytes` bytes at `address` are one live allocation's; the text says what is wrong otherwise. */
Status check_range(const void* address, size_t bytes);
/** Whether `address` lies in the device's range of addresses (pinned host memory included). */
bool is_device_address(const void* address);

/** Device memory in all; lower it to see what happens when there is none left. */
void set_memory_limit(size_t bytes);
size_t memory_limit();
size_t memory_used();

}  // namespace fusor::cuda::emulator
