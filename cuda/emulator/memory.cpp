#include "emulator/memory.h"

#include <sys/mman.h>
#include <unistd.h>
#if defined(__linux__)
#include <link.h>
#endif

#include <atomic>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "emulator/block_state.h"
#include "emulator/device_state.h"

namespace fusor::cuda::emulator {
namespace {

// One terabyte of addresses. Nothing of it exists before it is allocated, and an address is not given out
// again before kQuarantine others of its size: what still uses freed memory finds a page that cannot be
// touched.
constexpr size_t kRegionBytes = size_t{1} << 40;
constexpr size_t kQuarantine = 64;
constexpr size_t kAlignment = 256;

struct Allocation {
  uintptr_t begin = 0;
  size_t bytes = 0;
  bool pinned = false;
  int device = 0; /* of which no other's kernels may touch it, unless pinned */
  std::atomic<bool> live{false};
};

struct Region {
  uintptr_t begin = 0;
  size_t page = 0;
  std::atomic<Allocation*>* owners = nullptr; /* of each page */
  size_t next_page = 1;
  std::map<size_t, std::deque<size_t>> freed; /* first pages, by number of pages */
  std::mutex mutex;
  size_t used = 0;

  Region() {
    page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* range = mmap(nullptr, kRegionBytes, PROT_NONE, kFlags, -1, 0);
    void* table = mmap(nullptr, kRegionBytes / page * sizeof(void*), PROT_READ | PROT_WRITE, kFlags, -1, 0);
    if (range == MAP_FAILED || table == MAP_FAILED) std::abort();
    begin = reinterpret_cast<uintptr_t>(range);
    owners = static_cast<std::atomic<Allocation*>*>(table);
  }
};

Region& region() {
  static Region* const instance = new Region;  // outlives whatever releases memory late
  return *instance;
}

std::atomic<size_t> limit{size_t{8} << 30};

size_t pages_for(size_t bytes) {
  const size_t rounded = (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  return (rounded + region().page - 1) / region().page;
}

Allocation* find(uintptr_t address) {
  Region& r = region();
  return r.owners[(address - r.begin) / r.page].load(std::memory_order_acquire);
}

std::string describe(uintptr_t address, size_t bytes, const Allocation* allocation) {
  char text[256];
  if (allocation == nullptr) {
    std::snprintf(text, sizeof text, "%zu bytes at %p, which is no memory of the device", bytes,
                  reinterpret_cast<void*>(address));
  } else if (!allocation->live) {
    std::snprintf(text, sizeof text, "%zu bytes at offset %td of %zu bytes that were released", bytes,
                  static_cast<ptrdiff_t>(address - allocation->begin), allocation->bytes);
  } else {
    std::snprintf(text, sizeof text, "%zu bytes at offset %td of an allocation of %zu bytes", bytes,
                  static_cast<ptrdiff_t>(address - allocation->begin), allocation->bytes);
  }
  return text;
}

/** Empty if a kernel may touch these bytes of the region. */
std::string problem(uintptr_t address, size_t bytes) {
  const Allocation* a = find(address);
  if (a == nullptr) {  // a page without owner: perhaps just before or after one
    Region& r = region();
    const size_t index = (address - r.begin) / r.page;
    if (index > 0) a = r.owners[index - 1].load();
    if (a == nullptr && index + 1 < kRegionBytes / r.page) a = r.owners[index + 1].load();
    return describe(address, bytes, a);
  }
  const bool inside = a->live && address >= a->begin && address + bytes <= a->begin + a->bytes;
  return inside ? std::string() : describe(address, bytes, a);
}

#if defined(__linux__)
/** Whether the address is in the data of a loaded library: constant tables of kernels are. */
bool in_loaded_image(uintptr_t address) {
  struct Query {
    uintptr_t address;
    bool found;
  } query{address, false};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto* q = static_cast<Query*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& header = info->dlpi_phdr[i];
          if (header.p_type != PT_LOAD) continue;
          if (q->address - (info->dlpi_addr + header.p_vaddr) < header.p_memsz) q->found = true;
        }
        return q->found ? 1 : 0;
      },
      &query);
  return query.found;
}
#else
bool in_loaded_image(uintptr_t) {
  return true;
}
#endif

}  // namespace

void check_access(const void* pointer, size_t bytes, size_t alignment, bool write) {
  if (current_block == nullptr || current_fiber == nullptr || current_fiber->in_model) return;
  require_access(pointer, bytes, alignment, write);
}

void require_access(const void* pointer, size_t bytes, size_t alignment, bool write) {
  BlockState* block = current_block;
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const auto* byte = static_cast<const unsigned char*>(pointer);
  const char* verb = write ? "writes" : "reads";
  if (address % alignment != 0) {
    fault("%s %zu bytes at %p, which is not a multiple of %zu", verb, bytes, pointer, alignment);
  }
  constexpr size_t kStack = 64 * 1024;
  if (byte >= block->stacks && byte < block->stacks + block->stack_count * kStack) return;
  if (byte >= block->window && byte < block->window_end) {
    if (byte >= block->dynamic && byte + bytes <= block->dynamic + block->dynamic_bytes) {
      if (write) {
        const auto offset = static_cast<size_t>(byte - block->dynamic);
        const auto mark = static_cast<uint16_t>(current_fiber->number + 1);
        for (size_t granule = offset / 16; granule <= (offset + bytes - 1) / 16; ++granule) {
          block->unfenced[granule] = mark;
        }
      }
      return;
    }
    for (const StaticArray& array : block->static_arrays) {
      if (byte >= array.begin && byte + bytes <= array.begin + array.bytes) return;
    }
    for (const StaticArray& array : block->static_arrays) {
      if (byte + 64 >= array.begin && byte < array.begin + array.bytes + 64) {
        fault("%s %zu bytes at offset %td of a shared array of %zu bytes", verb, bytes, byte - array.begin,
              array.bytes);
      }
    }
    fault("%s %zu bytes at offset %td of %zu bytes of dynamic shared memory", verb, bytes,
          byte - block->dynamic, block->dynamic_bytes);
  }
  Region& r = region();
  if (address - r.begin < kRegionBytes) {
    const Allocation* a = find(address);
    if (a != nullptr && a->live.load(std::memory_order_relaxed) && address >= a->begin &&
        address + bytes <= a->begin + a->bytes) {
      if (!current_fiber->waited) [[unlikely]] {
        current_fiber->in_model = true;
        require_waited(verb);
      }
      if (a->device != block->device && !a->pinned) [[unlikely]] {
        current_fiber->in_model = true;
        fault("%s memory of device %d on device %d", verb, a->device, block->device);
      }
      return;
    }
    current_fiber->in_model = true;
    fault("%s %s", verb, problem(address, bytes).c_str());
  }
  if (!write && in_loaded_image(address)) return;
  fault("%s %zu bytes at %p, which is not memory of the device", verb, bytes, pointer);
}

bool is_device_address(const void* address) {
  return reinterpret_cast<uintptr_t>(address) - region().begin < kRegionBytes;
}

Status check_range(const void* address, size_t bytes) {
  if (bytes == 0) return {};
  std::string text = problem(reinterpret_cast<uintptr_t>(address), bytes);
  if (text.empty()) return {};
  return {FUSOR_ERROR_DEVICE_LOST, std::move(text)};
}

Status allocate_memory(void** pointer, size_t bytes, bool pinned) {
  Region& r = region();
  const std::lock_guard lock(r.mutex);
  if (!pinned && bytes > limit - std::min<size_t>(r.used, limit)) {
    return {FUSOR_ERROR_OUT_OF_MEMORY, std::to_string(bytes) + " bytes were asked for, " +
                                           std::to_string(limit - std::min<size_t>(r.used, limit)) + " of " +
                                           std::to_string(limit) + " are free"};
  }
  const size_t pages = pages_for(bytes);
  size_t first;
  auto& queue = r.freed[pages];
  if (queue.size() > kQuarantine) {
    first = queue.front();
    queue.pop_front();
  } else {
    first = r.next_page;
    if (first + pages + 1 > kRegionBytes / r.page) {
      return {FUSOR_ERROR_OUT_OF_MEMORY, "the emulator's range of addresses is used up"};
    }
    r.next_page = first + pages + 1;  // and one that nobody may touch
  }
  const uintptr_t start = r.begin + first * r.page;
  if (mprotect(reinterpret_cast<void*>(start), pages * r.page, PROT_READ | PROT_WRITE) != 0) {
    r.freed[pages].push_front(first);
    return {FUSOR_ERROR_OUT_OF_MEMORY, "the host has no memory for the emulated device"};
  }
  std::memset(reinterpret_cast<void*>(start), 0xff, pages * r.page);  // NaN, whatever the type
  Allocation* a = r.owners[first].load();
  if (a == nullptr) {
    a = new Allocation;
    for (size_t i = 0; i < pages; ++i) r.owners[first + i].store(a, std::memory_order_release);
  }
  const size_t rounded = (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
  a->begin = start + pages * r.page - rounded;
  a->bytes = bytes;
  a->pinned = pinned;
  a->device = current_device();
  a->live = true;
  if (!pinned) r.used += bytes;
  *pointer = reinterpret_cast<void*>(a->begin);
  return {};
}

Status release_memory(void* pointer) {
  if (pointer == nullptr) return {};
  Region& r = region();
  const std::lock_guard lock(r.mutex);
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  Allocation* a = is_device_address(pointer) ? find(address) : nullptr;
  if (a == nullptr || !a->live || a->begin != address) {
    return {FUSOR_ERROR_ARGUMENT, "not the start of a live allocation"};
  }
  a->live = false;
  if (!a->pinned) r.used -= a->bytes;
  const size_t pages = pages_for(a->bytes);
  const size_t first = (address - r.begin) / r.page;
  void* start = reinterpret_cast<void*>(r.begin + first * r.page);
  mmap(start, pages * r.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  r.freed[pages].push_back(first);
  return {};
}

void set_memory_limit(size_t bytes) {
  limit = bytes;
}
size_t memory_limit() {
  return limit;
}
size_t memory_used() {
  const std::lock_guard lock(region().mutex);
  return region().used;
}

}  // namespace fusor::cuda::emulator
