// Preloaded into Node.js: refuses memory to fusor.node and libfusor.so, and to nobody else. FUSOR_REFUSALS
// names a file of four 64-bit integers through which the program inside says what to refuse:
//   0  how many requests until the one that fails; 0: none does
//   1  not 0: that and all later ones fail
//   2  how many have failed
//   3  how many were asked for while something was to be refused
// Who asks is told by the return address; behind the standard library's own functions, by the first frame
// outside it.
#include <link.h>
#include <unwind.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

#include "../support/preload.h"

extern "C" void* __libc_malloc(size_t bytes);
extern "C" void* __libc_memalign(size_t alignment, size_t bytes);

namespace {

struct Control {
  std::atomic<int64_t> countdown, onwards, refused, asked;
};
Control* control = nullptr;

__attribute__((constructor)) void open_control() {
  control = map_named_file<Control>("FUSOR_REFUSALS");
}

struct Range {
  std::atomic<uintptr_t> begin, end;
  bool has(uintptr_t address) const { return address >= begin && address < end; }
};
Range ours[2];  // fusor.node, libfusor.so
Range standard;

int note_module(dl_phdr_info* info, size_t, void*) {
  const char* const slash = std::strrchr(info->dlpi_name, '/');
  const char* const name = slash == nullptr ? info->dlpi_name : slash + 1;
  Range* const range = std::strcmp(name, "fusor.node") == 0          ? &ours[0]
                       : std::strcmp(name, "libfusor.so") == 0       ? &ours[1]
                       : std::strncmp(name, "libstdc++.so", 12) == 0 ? &standard
                                                                     : nullptr;
  if (range == nullptr) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
    range->begin = info->dlpi_addr + part.p_vaddr;
    range->end = info->dlpi_addr + part.p_vaddr + part.p_memsz;
  }
  return 0;
}

bool is_ours(uintptr_t address) {
  return ours[0].has(address) || ours[1].has(address);
}

_Unwind_Reason_Code find_owner(_Unwind_Context* context, void* found) {
  const uintptr_t address = _Unwind_GetIP(context);
  static_assert(sizeof(uintptr_t) == sizeof(void*));
  auto& [seen_standard, owner] = *static_cast<std::pair<bool, uintptr_t>*>(found);
  if (standard.has(address)) {
    seen_standard = true;
    return _URC_NO_REASON;
  }
  if (!seen_standard) return _URC_NO_REASON;  // still in here
  owner = address;
  return _URC_END_OF_STACK;
}

bool asked_by_us(uintptr_t caller) {
  if (ours[1].end == 0) dl_iterate_phdr(note_module, nullptr);
  if (ours[1].end == 0) return false;  // not loaded yet
  if (!standard.has(caller)) return is_ours(caller);
  std::pair<bool, uintptr_t> found{false, 0};
  _Unwind_Backtrace(find_owner, &found);
  return is_ours(found.second);
}

bool refuses(void* caller) {
  if (control == nullptr || control->countdown.load(std::memory_order_relaxed) == 0) return false;
  if (!asked_by_us(reinterpret_cast<uintptr_t>(caller))) return false;
  control->asked.fetch_add(1);
  int64_t left = control->countdown.load();
  do {
    if (left == 0) return false;
    if (left == 1 && control->onwards.load() != 0) break;  // and stays at 1
  } while (!control->countdown.compare_exchange_weak(left, left - 1));
  if (left != 1) return false;
  control->refused.fetch_add(1);
  return true;
}

void* allocate(size_t bytes, void* caller) {
  return refuses(caller) ? nullptr : __libc_malloc(bytes == 0 ? 1 : bytes);
}
void* allocate_aligned(size_t alignment, size_t bytes, void* caller) {
  return refuses(caller) ? nullptr : __libc_memalign(alignment, bytes == 0 ? 1 : bytes);
}
void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

#define CALLER __builtin_return_address(0)

extern "C" {
void* malloc(size_t bytes) {
  return allocate(bytes, CALLER);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  return allocate_aligned(alignment, bytes, CALLER);
}
void* mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  if (!refuses(CALLER)) return system_mmap(at, bytes, protection, flags, file, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}
}

void* operator new(size_t bytes) {
  return or_throw(allocate(bytes, CALLER));
}
void* operator new[](size_t bytes) {
  return or_throw(allocate(bytes, CALLER));
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, CALLER);
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, CALLER);
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  return or_throw(allocate_aligned(static_cast<size_t>(alignment), bytes, CALLER));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return or_throw(allocate_aligned(static_cast<size_t>(alignment), bytes, CALLER));
}
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate_aligned(static_cast<size_t>(alignment), bytes, CALLER);
}
void* operator new[](size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate_aligned(static_cast<size_t>(alignment), bytes, CALLER);
}
