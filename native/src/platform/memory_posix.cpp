#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "platform/memory.h"

namespace fusor::platform {
namespace {

int64_t round_up(int64_t bytes, int64_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

int64_t page_bytes() {
  static const int64_t bytes = sysconf(_SC_PAGESIZE);
  return bytes;
}

}  // namespace

void* map_pages(int64_t bytes) {
  const int64_t length = round_up(bytes > 0 ? bytes : 1, page_bytes());
  const bool is_huge = length >= kHugePage;
  // One huge page more than needed leaves room to align; what is too much goes back at once.
  const int64_t mapped = is_huge ? length + kHugePage : length;
  void* const start =
      mmap(nullptr, static_cast<size_t>(mapped), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  if (!is_huge) return start;
  char* const begin = static_cast<char*>(start);
  const int64_t before =
      round_up(reinterpret_cast<intptr_t>(begin), kHugePage) - reinterpret_cast<intptr_t>(begin);
  const int64_t after = mapped - before - length;
  if (before > 0) munmap(begin, static_cast<size_t>(before));
  if (after > 0) munmap(begin + before + length, static_cast<size_t>(after));
#if defined(MADV_HUGEPAGE)
  madvise(begin + before, static_cast<size_t>(length), MADV_HUGEPAGE);  // advice: a refusal changes nothing
#endif
  return begin + before;
}

void unmap_pages(void* pointer, int64_t bytes) {
  if (pointer) munmap(pointer, static_cast<size_t>(round_up(bytes > 0 ? bytes : 1, page_bytes())));
}

void* allocate_block(int64_t bytes) {
  return std::aligned_alloc(64, static_cast<size_t>(bytes));
}

void release_block(void* block) {
  std::free(block);
}

int64_t physical_memory() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && bytes > 0 ? pages * bytes : 0;
}

}  // namespace fusor::platform
