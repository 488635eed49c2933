#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <string_view>
#include <thread>

#include "emulator/block_state.h"
#include "emulator/device_state.h"

extern "C" void fusor_fiber_switch(void** save_stack, void* load_stack);

namespace fusor::cuda::emulator {

thread_local BlockState* current_block = nullptr;
thread_local Fiber* current_fiber = nullptr;

namespace {

constexpr size_t kStackBytes = 64 * 1024;
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

void switch_to(Fiber* fiber, void** save) {
  ++current_block->counters.switches;
  current_fiber = fiber;
  fusor_fiber_switch(save, fiber->stack_pointer);
}

std::string describe_threads(const BlockState& block) {
  // Threads that wait for the same thing at the same place are told together.
  std::string text;
  constexpr int kMostLines = 16;
  int lines = 0;
  for (size_t first = 0; first < block.fibers.size() && lines < kMostLines;) {
    const Fiber& f = block.fibers[first];
    size_t last = first;
    auto same = [&](const Fiber& g) {
      return g.done == f.done && g.waiting_for == f.waiting_for && g.place.line() == f.place.line();
    };
    while (last + 1 < block.fibers.size() && same(block.fibers[last + 1])) ++last;
    char line[256];
    const char* file = f.place.file_name();
    if (const char* slash = std::strrchr(file, '/')) file = slash + 1;
    if (f.done) {
      std::snprintf(line, sizeof line, "\n  threads %zu to %zu have ended", first, last);
    } else if (f.waiting_for == nullptr) {
      std::snprintf(line, sizeof line, "\n  threads %zu to %zu can run", first, last);
    } else {
      std::snprintf(line, sizeof line, "\n  threads %zu to %zu wait at %s, %s:%u", first, last, f.waiting_for,
                    file, static_cast<unsigned>(f.place.line()));
    }
    text += line;
    ++lines;
    first = last + 1;
  }
  return text;
}

[[noreturn]] void end_block_with(const char* reason) {
  BlockState& block = *current_block;
  if (current_fiber != nullptr) current_fiber->in_model = true;  // and stays so: it does not run again
  char where[512];
  const char* file = block.launch_place.file_name();
  if (const char* slash = std::strrchr(file, '/')) file = slash + 1;
  const unsigned thread = current_fiber != nullptr ? current_fiber->number : 0;
  std::snprintf(where, sizeof where, "%s:%u (%s): block (%u, %u, %u), thread %u: ", file,
                static_cast<unsigned>(block.launch_place.line()), block.launch_place.function_name(),
                block.index.x, block.index.y, block.index.z, thread);
  block.fault = std::string(where) + reason + describe_threads(block);
  // The fibers are abandoned where they are: device code owns nothing.
  void* abandoned;
  fusor_fiber_switch(&abandoned, block.main_stack_pointer);
  __builtin_unreachable();
}

/** Lets the copy engine do one thing: as late as can be, or in the random schedule now and then. */
void run_engine() {
  auto& engine = current_block->engine;
  size_t which = 0;
  if (current_block->schedule == Schedule::reverse) which = engine.size() - 1;
  if (current_block->schedule == Schedule::random) which = next_random() % engine.size();
  const std::shared_ptr<AsyncOperation> operation = std::move(engine[which]);
  engine.erase(engine.begin() + static_cast<ptrdiff_t>(which));
  if (operation->done) return;
  operation->done = true;
  operation->run();
}

Fiber* next_fiber() {
  auto& ready = current_block->ready;
  auto& engine = current_block->engine;
  while (!engine.empty() &&
         (ready.empty() || (current_block->schedule == Schedule::random && next_random() % 8 == 0))) {
    run_engine();
  }
  if (ready.empty()) {
    end_block_with(
        "no thread can go on: a barrier or collective was not reached by all threads that it waits for");
  }
  if (current_block->schedule == Schedule::random)
    std::swap(ready[next_random() % ready.size()], ready.back());
  Fiber* fiber = ready.back();
  ready.pop_back();
  return fiber;
}

void complete(Barrier& barrier) {
  std::vector<Fiber*> waiting;
  waiting.swap(barrier.waiting);
  barrier.arrived = barrier.expected = 0;
  make_ready(waiting.data(), static_cast<unsigned>(waiting.size()));
  waiting.clear();
  barrier.waiting.swap(waiting);  // keeps its capacity
}

extern "C" void fusor_fiber_entry() {
  current_block->call->run();
  Fiber* me = current_fiber;
  me->in_model = true;
  if (!me->stores.empty()) {
    fault("the thread ends while the copy engine may still read what it stores from shared memory");
  }
  me->done = true;
  BlockState& block = *current_block;
  if (--block.live == 0) {
    void* abandoned;
    fusor_fiber_switch(&abandoned, block.main_stack_pointer);
  } else {
    switch_to(next_fiber(), &me->stack_pointer);
  }
  __builtin_unreachable();
}

void* prepare_stack(unsigned char* top) {
  // What fusor_fiber_switch pops: zeros for the registers and the entry's address.
  auto* slot = reinterpret_cast<uintptr_t*>(top);
#if defined(__x86_64__)
  *--slot = 0;  // the entry sees a stack as after a call: 8 bytes off a multiple of 16
  *--slot = reinterpret_cast<uintptr_t>(&fusor_fiber_entry);
  for (int i = 0; i < 6; ++i) *--slot = 0;
#else
  slot -= 20;
  for (int i = 0; i < 20; ++i) slot[i] = 0;
  slot[11] = reinterpret_cast<uintptr_t>(&fusor_fiber_entry);  // x30
#endif
  return slot;
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
  switch_to(next_fiber(), &block.main_stack_pointer);
  for (unsigned i = 0; i < count && block.fault.empty(); ++i) {
    if (std::memcmp(block.stacks + i * kStackBytes, &kStackCanary, sizeof kStackCanary) != 0) {
      block.fault = "a thread used more than the 64 KiB of stack that the emulator gives it";
    }
  }
  ++block.counters.blocks;
  current_fiber = nullptr;
  current_block = nullptr;
}

// ---- signals: what the checks of accesses did not see
// -------------------------------------------------------------------

struct sigaction previous_actions[NSIG];

void on_signal(int number, siginfo_t* info, void*) {
  if (current_block == nullptr) {  // not a kernel's: as if this handler were not here
    sigaction(number, &previous_actions[number], nullptr);
    return;
  }
  char text[128];
  std::snprintf(text, sizeof text, "signal %d (%s) at address %p", number, strsignal(number), info->si_addr);
  end_block_with(text);
}

/** At every launch: others may have set theirs since. */
void install_signal_handlers() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    struct sigaction present {};
    sigaction(number, nullptr, &present);
    if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == on_signal) continue;
    previous_actions[number] = present;
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    // NODEFER: the handler is left by a switch of stacks, never by returning.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(number, &action, nullptr);
  }
}

/** A stack for the signal handler: a fiber's own may be what overflowed. */
class SignalStack {
 public:
  SignalStack() : memory_(std::make_unique<unsigned char[]>(kBytes)) {
    stack_t mine{};
    mine.ss_sp = memory_.get();
    mine.ss_size = kBytes;
    sigaltstack(&mine, &previous_);
  }
  ~SignalStack() { sigaltstack(&previous_, nullptr); }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  static constexpr size_t kBytes = 64 * 1024;
  std::unique_ptr<unsigned char[]> memory_;
  stack_t previous_{};
};

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

void fault(const char* format, ...) {
  char text[1024];
  va_list list;
  va_start(list, format);
  std::vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (current_block == nullptr) {
    std::fprintf(stderr, "emulator, outside of a kernel: %s\n", text);
    std::abort();
  }
  end_block_with(text);
}

uint64_t next_random() {
  uint64_t& state = current_block->random;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

void wait(const char* what, Place place) {
  Fiber* me = current_fiber;
  me->waiting_for = what;
  me->place = place;
  Fiber* next = next_fiber();
  if (next != me) switch_to(next, &me->stack_pointer);
  me->waiting_for = nullptr;
}

void make_ready(Fiber* const* fibers, unsigned count) {
  auto& ready = current_block->ready;
  if (current_block->schedule == Schedule::reverse) {
    for (unsigned i = 0; i < count; ++i) ready.push_back(fibers[i]);
  } else {
    for (unsigned i = count; i-- > 0;) ready.push_back(fibers[i]);
  }
  for (unsigned i = 0; i < count; ++i) fibers[i]->waiting_for = nullptr;
}

void let_others_go_first(const char* what, Place place) {
  // Forward: whoever arrives last goes on at once. Otherwise it takes its place among those it has woken.
  if (current_block->schedule == Schedule::forward) return;
  Fiber* me = current_fiber;
  if (current_block->schedule == Schedule::reverse) {
    current_block->ready.insert(current_block->ready.begin(), me);
  } else {
    current_block->ready.push_back(me);
  }
  wait(what, place);
}

Gathering& gather(unsigned mask, const char* name, void* operand, Place place) {
  Fiber* me = current_fiber;
  const unsigned count = current_block->size.x * current_block->size.y * current_block->size.z;
  const unsigned warp_begin = me->number / 32 * 32;
  const unsigned present = count - warp_begin >= 32 ? ~0u : (1u << (count - warp_begin)) - 1;
  me->place = place;
  if ((mask >> me->lane & 1) == 0) fault("%s: lane %u is not in its own mask %08x", name, me->lane, mask);
  if (mask & ~present) fault("%s: the mask %08x names lanes that the warp does not have", name, mask);
  Gathering* free = nullptr;
  Gathering* mine = nullptr;
  for (Gathering& g : me->warp->gatherings) {
    if (g.arrived == 0) {
      if (free == nullptr) free = &g;
    } else if (g.mask == mask) {
      mine = &g;
    } else if (g.mask & mask & (1u << me->lane)) {
      fault("%s: lane %u is expected in a collective of mask %08x (%s)", name, me->lane, g.mask, g.name);
    }
  }
  if (mine == nullptr) {
    if (free == nullptr) fault("%s: too many divergent groups in a warp", name);
    mine = free;
    mine->mask = mask;
    mine->name = name;
  }
  if (std::strcmp(mine->name, name) != 0) {
    fault("%s: other lanes of the warp are at %s", name, mine->name);
  }
  mine->operands[me->lane] = operand;
  mine->fibers[mine->arrived++] = me;
  return *mine;
}

bool synchronize_threads_or(bool predicate, Place place) {
  const InModel model;
  BlockState& block = *current_block;
  Barrier& barrier = block.barriers[0];
  const unsigned count = static_cast<unsigned>(block.fibers.size());
  if (barrier.waiting.empty()) barrier.any = false;
  barrier.any = barrier.any || predicate;
  if (block.live < count) {
    current_fiber->place = place;
    current_fiber->waiting_for = "__syncthreads";
    fault("a barrier of the whole block after %u of its %u threads have ended", count - block.live, count);
  }
  if (barrier.waiting.size() + 1 == count) {
    complete(barrier);
    const bool any = barrier.any;
    let_others_go_first("__syncthreads", place);
    return any;
  }
  barrier.waiting.push_back(current_fiber);
  wait("__syncthreads", place);
  return barrier.any;
}

void synchronize_threads(Place place) {
  synchronize_threads_or(false, place);
}

void named_barrier(int id, int threads, bool wait_for_it, Place place) {
  const InModel model;
  if (id < 0 || id > 15) fault("barrier %d: there are 16", id);
  if (threads <= 0 || threads % 32 != 0 || threads > static_cast<int>(current_block->fibers.size())) {
    fault("barrier %d: %d threads", id, threads);
  }
  Barrier& barrier = current_block->barriers[id];
  if (barrier.expected != 0 && barrier.expected != static_cast<unsigned>(threads)) {
    fault("barrier %d: of %d threads here, of %u elsewhere", id, threads, barrier.expected);
  }
  barrier.expected = static_cast<unsigned>(threads);
  const bool last = barrier.waiting.size() + barrier.arrived + 1 == barrier.expected;
  if (last) {
    complete(barrier);
    if (wait_for_it) let_others_go_first("bar.sync", place);
  } else if (wait_for_it) {
    barrier.waiting.push_back(current_fiber);
    wait("bar.sync", place);
  } else {
    ++barrier.arrived;
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

Status run_grid(const dim3& grid, const dim3& size, size_t shared_bytes, Place place, const Call& call) {
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
  if (first_fault.empty()) return {};
  return {FUSOR_ERROR_DEVICE_LOST, first_fault};
}

}  // namespace

Status launch(DeviceStream stream, const dim3& grid, const dim3& block, size_t shared_bytes, Place place,
              Call* call) {
  const std::shared_ptr<const Call> owned(call);
  if (shared_bytes > kMostSharedBytes) {
    return {FUSOR_ERROR_INTERNAL, std::string(place.file_name()) + ":" + std::to_string(place.line()) + ": " +
                                      std::to_string(shared_bytes) +
                                      " bytes of shared memory; a block has at most " +
                                      std::to_string(kMostSharedBytes)};
  }
  return enqueue(stream, [=] { return run_grid(grid, block, shared_bytes, place, *owned); });
}

}  // namespace fusor::cuda::emulator
