#include <malloc.h>

#include "platform/memory.h"
#include "platform/win32.h"

namespace fusor::platform {

// Committed at once, so that a machine without memory says so here and not at first touch.
void* map_pages(int64_t bytes) {
  return VirtualAlloc(nullptr, static_cast<size_t>(bytes > 0 ? bytes : 1), MEM_RESERVE | MEM_COMMIT,
                      PAGE_READWRITE);
}

void unmap_pages(void* pointer, int64_t) {
  if (pointer) VirtualFree(pointer, 0, MEM_RELEASE);
}

void* allocate_block(int64_t bytes) {
  return _aligned_malloc(static_cast<size_t>(bytes), 64);
}

void release_block(void* block) {
  _aligned_free(block);
}

int64_t physical_memory() {
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof status;
  return GlobalMemoryStatusEx(&status) ? static_cast<int64_t>(status.ullTotalPhys) : 0;
}

}  // namespace fusor::platform
