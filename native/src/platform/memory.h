// Memory from the system.
#pragma once

#include <cstdint>

namespace fusor::platform {

constexpr int64_t kHugePage = 2 << 20;

// Zeroed pages; null when out of memory. From one huge page on they are asked to become such, and are aligned
// for it, where the system has huge pages for everybody (Windows wants a privilege): a page of 4 KB costs a
// fault of 0.2 to 0.5 microseconds at first touch and a TLB entry later.
void* map_pages(int64_t bytes);
void unmap_pages(void* pointer, int64_t bytes);  // `bytes` as it was mapped

// `bytes` on the heap, aligned to 64, contents undefined; null when out of memory. A multiple of 64.
void* allocate_block(int64_t bytes);
void release_block(void* block);

// Of the machine, in bytes; 0 if unknown.
int64_t physical_memory();

}  // namespace fusor::platform
