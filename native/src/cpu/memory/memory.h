// Memory of the CPU device.
#pragma once

#include <cstdint>

namespace fusor::cpu {

// Tensors and scratch: 64-byte aligned, contents undefined, zero bytes give a valid pointer; null when out of
// memory. Released blocks are kept for the next allocation of their size class, so that a network run op by
// op asks the system for nothing once warm; what lies unused is given back, the longest unused first. Any
// thread.
void* allocate_memory(int64_t bytes);
void release_memory(void* pointer, int64_t bytes);  // `bytes` as it was allocated

// Results from this size on are written around the caches (simd/stream.h): with their inputs they are more
// than the part of an L3 cache that is a process's own, so the next op would not find them there.
constexpr int64_t kStreamedBytes = int64_t{8} << 20;

// What is in use, and what is kept and not in use, in bytes; and giving all of the latter back to the system.
int64_t used_memory();
int64_t kept_memory();
void release_kept_memory();

// Arenas of plans: zeroed, straight from the system, in huge pages where it has them.
void* allocate_arena_memory(int64_t bytes);
void release_arena_memory(void* pointer, int64_t bytes);

// What `bytes` are rounded up to: eight sizes between one power of two and the next, so at most an eighth is
// wasted.
int64_t memory_class_bytes(int64_t bytes);

}  // namespace fusor::cpu
