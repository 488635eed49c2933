// Preloaded into Node.js: counts what the process holds. FUSOR_COUNTS names a file of three 64-bit integers:
//   0  blocks that were allocated and not freed, whoever asked: Node.js allocates on our behalf, too
//   1  their bytes
//   2  bytes that libfusor.so has mapped
// Unlike the resident memory, they know neither fragments nor what an allocator keeps.
#include <dlfcn.h>
#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "../support/preload.h"

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* block, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void* block);
}

namespace {

struct Counts {
  std::atomic<int64_t> blocks, bytes, mapped;
};
Counts before;  // until the file is open
Counts* counts = &before;

__attribute__((constructor)) void open_counts() {
  if (Counts* const shared = map_named_file<Counts>("FUSOR_COUNTS")) counts = shared;
}

void* came(void* block) {
  if (block == nullptr) return nullptr;
  counts->blocks.fetch_add(1, std::memory_order_relaxed);
  counts->bytes.fetch_add(static_cast<int64_t>(malloc_usable_size(block)), std::memory_order_relaxed);
  return block;
}
void goes(void* block) {
  if (block == nullptr) return;
  counts->blocks.fetch_sub(1, std::memory_order_relaxed);
  counts->bytes.fetch_sub(static_cast<int64_t>(malloc_usable_size(block)), std::memory_order_relaxed);
}

bool is_engine(void* caller) {
  Dl_info info;
  return dladdr(caller, &info) != 0 && info.dli_fname != nullptr && strstr(info.dli_fname, "libfusor.so");
}

}  // namespace

#define CALLER __builtin_return_address(0)

extern "C" {
void* malloc(size_t bytes) {
  return came(__libc_malloc(bytes));
}
void* calloc(size_t count, size_t bytes) {
  return came(__libc_calloc(count, bytes));
}
void* realloc(void* block, size_t bytes) {
  goes(block);
  void* const moved = __libc_realloc(block, bytes);
  came(moved == nullptr && bytes != 0 ? block : moved);
  return moved;
}
void* memalign(size_t alignment, size_t bytes) {
  return came(__libc_memalign(alignment, bytes));
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  return came(__libc_memalign(alignment, bytes));
}
int posix_memalign(void** block, size_t alignment, size_t bytes) {
  void* const made = came(__libc_memalign(alignment, bytes));
  if (made == nullptr) return ENOMEM;
  *block = made;
  return 0;
}
void free(void* block) {
  goes(block);
  __libc_free(block);
}
void* mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  void* const memory = system_mmap(at, bytes, protection, flags, file, offset);
  if (memory != MAP_FAILED && is_engine(CALLER)) counts->mapped.fetch_add(static_cast<int64_t>(bytes));
  return memory;
}
int munmap(void* memory, size_t bytes) noexcept {
  if (is_engine(CALLER)) counts->mapped.fetch_sub(static_cast<int64_t>(bytes));
  return static_cast<int>(syscall(SYS_munmap, memory, bytes));
}
}
