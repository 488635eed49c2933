// Launches: the blocks of a grid spread over host threads, each with its shared memory and its threads'
// stacks.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <string_view>
#include <thread>

#include "emulator/block_state.h"
#include "emulator/device_state.h"
#include "emulator/faults.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace fusor::cuda::emulator {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kStackBytes = 256 * 1024;  // its frames are several times as large
#else
constexpr size_t kStackBytes = 64 * 1024;
#endif
constexpr size_t kStaticBytes = 48 * 1024;
constexpr uint64_t kStackCanary = 0x5ac0ffee5ac0ffeeu;

// Tests from outside of the process choose by FUSOR_CUDA_EMULATED_SCHEDULE.
std::atomic<Schedule> chosen_schedule{[] {
  const char* name = std::getenv("FUSOR_CUDA_EMULATED_SCHEDULE");
  const std::string_view chosen = name == nullptr ? "" : name;
  return chosen == "reverse" ? Schedule::reverse : chosen == "random" ? Schedule::random : Schedule::forward;
}()};
std::atomic<uint64_t> chosen_seed{1};
std::atomic<unsigned> host_threads{0};
std::mutex counters_mutex;
Counters total_counters;

size_t page_bytes() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

size_t round_up(size_t value, size_t step) {
  return (value + step - 1) / step * step;
}

void map_shared_memory(BlockState& block, size_t dynamic_bytes) {
  const size_t page = page_bytes(), static_bytes = round_up(kStaticBytes, page);
  const size_t room = round_up(std::max<size_t>(dynamic_bytes, 16), page);
  const size_t total = page + static_bytes + page + room + page;
  void* mapped = mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) std::abort();
  block.window = static_cast<unsigned char*>(mapped);
  block.window_end = block.window + total;
  block.statics = block.window + page;
  mprotect(block.statics, static_bytes, PROT_READ | PROT_WRITE);
  unsigned char* end = block.window_end - page;
  mprotect(end - room, room, PROT_READ | PROT_WRITE);
  block.dynamic = end - round_up(dynamic_bytes, 16);
  block.dynamic_bytes = dynamic_bytes;
}

/**
 * A fiber's entry never returns, so AddressSanitizer keeps what it marked around its variables as not to be
 * touched: for the next block's fiber, and for what the system puts there next.
 */
void allow_all([[maybe_unused]] const unsigned char* stacks, [[maybe_unused]] size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(stacks, bytes);
#endif
}

void run_block(BlockState& block) {
  const unsigned count = block.size.x * block.size.y * block.size.z;
  block.live = count;
  block.ready.clear();
  block.static_arrays.clear();
  block.static_used = 0;
  block.warps.assign((count + 31) / 32, Warp{});
  block.warpgroups.assign(count / 128, Warpgroup{});
  block.phase_waiters.clear();
  block.engine.clear();
  block.unfenced.assign((block.dynamic_bytes + 15) / 16, 0);
  for (Barrier& barrier : block.barriers) {
    barrier.arrived = barrier.expected = 0;
    barrier.any = false;
    barrier.waiting.clear();
  }
  if (block.dynamic_bytes > 0) std::memset(block.dynamic, 0xff, block.dynamic_bytes);
  allow_all(block.stacks, count * kStackBytes);
  std::vector<Fiber*> all(count);
  for (unsigned i = 0; i < count; ++i) {
    Fiber& f = block.fibers[i];
    f.number = i;
    f.index = {i % block.size.x, i / block.size.x % block.size.y, i / block.size.x / block.size.y};
    f.lane = i % 32;
    f.warp = &block.warps[i / 32];
    f.waiting_for = nullptr;
    f.done = false;
    f.in_model = false;
    f.waited = !block.early;
    f.copies.clear();
    f.groups.clear();
    f.stores.clear();
    f.store_groups.clear();
    unsigned char* stack = block.stacks + i * kStackBytes;
    std::memcpy(stack, &kStackCanary, sizeof kStackCanary);
    // Tops at different offsets, or the fibers' hot frames would all fall into the same sets of the cache.
    const size_t colour = i * 1088 % 16384 & ~size_t{63};
    f.stack_pointer = prepare_stack(stack + kStackBytes - 64 - colour);
    all[i] = &f;
  }
  current_block = &block;
  make_ready(all.data(), count);
  run_fibers();
  for (unsigned i = 0; i < count && block.fault.empty(); ++i) {
    if (std::memcmp(block.stacks + i * kStackBytes, &kStackCanary, sizeof kStackCanary) != 0) {
      block.fault = "a thread used more than the 64 KiB of stack that the emulator gives it";
    }
  }
  ++block.counters.blocks;
  current_fiber = nullptr;
  current_block = nullptr;
}

}  // namespace

void set_schedule(Schedule schedule, uint64_t seed) {
  chosen_schedule = schedule;
  chosen_seed = seed;
}
Schedule schedule() {
  return chosen_schedule;
}
void set_host_threads(unsigned count) {
  host_threads = count;
}

Counters take_counters() {
  const std::lock_guard lock(counters_mutex);
  return std::exchange(total_counters, Counters{});
}

uint3 thread_index() {
  return current_fiber->index;
}
uint3 block_index() {
  return current_block->index;
}
dim3 block_size() {
  return current_block->size;
}
dim3 grid_size() {
  return current_block->grid;
}
unsigned char* dynamic_shared() {
  return current_block->dynamic;
}

void* static_shared(const void* key, size_t bytes) {
  const InModel model;
  BlockState& block = *current_block;
  for (const StaticArray& array : block.static_arrays) {
    if (array.key == key) return array.begin;
  }
  constexpr size_t kGap = 16;
  unsigned char* begin = block.statics + block.static_used;
  block.static_used += round_up(bytes, 16) + kGap;
  if (block.static_used > kStaticBytes) fault("more than 48 KiB of static shared memory");
  std::memset(begin, 0xff, round_up(bytes, 16) + kGap);
  block.static_arrays.push_back({key, begin, bytes});
  return begin;
}

void wait_for_earlier_launches() {
  current_fiber->waited = true;
}

bool allow_access_before_waiting(bool allowed) {
  return std::exchange(current_fiber->reads_constants, allowed);
}

void require_waited(const char* what) {
  if (!current_fiber->waited && !current_fiber->reads_constants) {
    fault("the thread %s the device's memory before it waited for earlier launches", what);
  }
}

size_t shared_offset(const void* p, size_t bytes, size_t alignment, const char* what) {
  const BlockState& block = *current_block;
  const auto offset = static_cast<const unsigned char*>(p) - block.dynamic;
  if (offset < 0 || static_cast<size_t>(offset) + bytes > block.dynamic_bytes) {
    fault("%s: %zu bytes at offset %td of %zu bytes of dynamic shared memory", what, bytes, offset,
          block.dynamic_bytes);
  }
  if (static_cast<size_t>(offset) % alignment != 0) {
    fault("%s: offset %td of shared memory is not a multiple of %zu", what, offset, alignment);
  }
  return static_cast<size_t>(offset);
}

namespace {

Status run_grid(const dim3& grid, const dim3& size, size_t shared_bytes, Place place, bool early, int device,
                const Call& call) {
  install_signal_handlers();
  const size_t blocks = size_t{grid.x} * grid.y * grid.z;
  const unsigned threads = size.x * size.y * size.z;
  const Schedule schedule = chosen_schedule;
  const uint64_t seed = chosen_seed;
  std::vector<uint32_t> order;  // of blocks; a GPU promises none
  if (schedule == Schedule::random && blocks <= UINT32_MAX) {
    order.resize(blocks);
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), std::mt19937_64(seed));
  }
  std::atomic<size_t> next{0};
  std::mutex fault_mutex;
  std::string first_fault;

  auto worker = [&] {
    const SignalStack signal_stack;
    BlockState block;
    block.grid = grid;
    block.size = size;
    block.call = &call;
    block.launch_place = place;
    block.early = early;
    block.device = device;
    block.schedule = schedule;
    block.fibers.resize(threads);
    map_shared_memory(block, shared_bytes);
    void* stacks = mmap(nullptr, threads * kStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stacks == MAP_FAILED) std::abort();
    block.stacks = static_cast<unsigned char*>(stacks);
    block.stack_count = threads;
    for (size_t i = next++; i < blocks; i = next++) {
      block.random = (seed * 0x9e3779b97f4a7c15u + i) | 1;
      const size_t b = order.empty() ? (schedule == Schedule::reverse ? blocks - 1 - i : i) : order[i];
      block.index = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                     static_cast<unsigned>(b / grid.x / grid.y)};
      run_block(block);
      if (!block.fault.empty()) {
        const std::lock_guard lock(fault_mutex);
        if (first_fault.empty()) first_fault = block.fault;
        next = blocks;
        break;
      }
    }
    munmap(block.window, static_cast<size_t>(block.window_end - block.window));
    allow_all(block.stacks, threads * kStackBytes);
    munmap(block.stacks, threads * kStackBytes);
    const std::lock_guard lock(counters_mutex);
    total_counters.blocks += block.counters.blocks;
    total_counters.switches += block.counters.switches;
    total_counters.ldmatrix_phases += block.counters.ldmatrix_phases;
    total_counters.ldmatrix_bank_conflicts += block.counters.ldmatrix_bank_conflicts;
  };

  size_t workers =
      host_threads != 0 ? host_threads.load() : std::max(1u, std::thread::hardware_concurrency());
  workers = std::min(workers, blocks);
  std::vector<std::thread> others;
  for (size_t i = 1; i < workers; ++i) others.emplace_back(worker);
  worker();
  for (std::thread& other : others) other.join();
  const std::lock_guard lock(counters_mutex);
  ++total_counters.launches;
  if (first_fault.empty()) return {};
  return {FUSOR_ERROR_DEVICE_LOST, first_fault};
}

}  // namespace

Status launch(DeviceStream stream, const dim3& grid, const dim3& block, size_t shared_bytes, Place place,
              bool early, Call* call) {
  const std::shared_ptr<const Call> owned(call);
  if (shared_bytes > kMostSharedBytes) {
    return {FUSOR_ERROR_INTERNAL, std::string(place.file_name()) + ":" + std::to_string(place.line()) + ": " +
                                      std::to_string(shared_bytes) +
                                      " bytes of shared memory; a block has at most " +
                                      std::to_string(kMostSharedBytes)};
  }
  const int device = current_device();
  return enqueue(stream, [=] { return run_grid(grid, block, shared_bytes, place, early, device, *owned); });
}

}  // namespace fusor::cuda::emulator
