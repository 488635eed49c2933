// The inside of a running block, for what runs it and for the models of primitives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emulator/block.h"
#include "emulator/language.h"

namespace fusor::cuda::emulator {

struct Warp;

struct PendingCopy {
  unsigned char* to;
  const unsigned char* from; /* nullptr: zeros */
  int bytes;
};

/** Work of the copy engine that was issued and has not happened. */
struct AsyncOperation {
  std::function<void()> run;
  bool done = false;
};

/** One CUDA thread. */
struct Fiber {
  void* stack_pointer = nullptr;
  uint3 index{};
  unsigned number = 0, lane = 0;
  Warp* warp = nullptr;
  const char* waiting_for = nullptr; /* name of a barrier or collective; nullptr: can run */
  Place place;
  bool done = false;
  bool in_model = false;           /* see InModel */
  bool waited = true;              /* for earlier launches; only of an early one is it false at first */
  bool reads_constants = false;    /* and so need not have waited */
  std::vector<PendingCopy> copies; /* cp.async under way, oldest first */
  std::vector<size_t> groups;      /* ends of committed groups in `copies` */
  /* Of the copy engine, not known to have read their source; and ends of committed groups in it. */
  std::vector<std::shared_ptr<AsyncOperation>> stores;
  std::vector<size_t> store_groups;
};

/** Lanes of one mask that have arrived at a collective. */
struct Gathering {
  unsigned mask = 0, arrived = 0;
  const char* name = nullptr;
  void* operands[32];
  Fiber* fibers[32];
};

struct Warp {
  Gathering gatherings[8]; /* as many divergent groups as may wait at a time */
};

struct Barrier {
  unsigned arrived = 0;  /* without waiting */
  unsigned expected = 0; /* 0: nobody is here yet */
  std::vector<Fiber*> waiting;
  bool any = false; /* __syncthreads_or */
};

struct WarpgroupProduct {
  uint64_t a, b;
  int columns;
  bool accumulate, bfloat16;
  float* sums[128];
};

/** The 128 threads that do wgmma together. */
struct Warpgroup {
  unsigned arrived = 0;
  const char* name = nullptr;
  void* operands[128];
  Fiber* fibers[128];
  bool fenced = false;
  std::vector<WarpgroupProduct> products; /* issued, not done, oldest first */
  std::vector<size_t> batches;            /* ends of committed batches in `products` */
  struct Hidden {
    float* first; /* thread 0's sums: what they are known by */
    int left;     /* products under way on them */
    std::vector<float> values;
  };
  std::vector<Hidden>
      hidden; /* the true values of sums that products are under way on; the registers hold NaN */
};

/** Threads that wait for a phase of an mbarrier. */
struct PhaseWaiter {
  uint64_t* barrier;
  int parity;
  Fiber* fiber;
};

struct StaticArray {
  const void* key;
  unsigned char* begin;
  size_t bytes;
};

struct BlockState {
  dim3 grid, size;
  uint3 index{};
  const Call* call = nullptr;
  Place launch_place;
  bool early = false; /* begun while earlier launches may still run */
  int device = 0;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<Fiber*> ready; /* a stack */
  std::vector<Warpgroup> warpgroups;
  std::vector<PhaseWaiter> phase_waiters;
  std::deque<std::shared_ptr<AsyncOperation>>
      engine; /* operations of the copy engine that have not happened */
  Barrier barriers[16];
  unsigned live = 0;
  void* main_stack_pointer = nullptr;
  uint64_t random = 1;
  Schedule schedule = Schedule::forward;
  Counters counters;
  std::string fault; /* empty: none */

  /* [no access | static arrays | no access | dynamic shared memory, flush with | no access] */
  unsigned char *window = nullptr, *window_end = nullptr;
  unsigned char *statics = nullptr, *dynamic = nullptr;
  size_t dynamic_bytes = 0, static_used = 0;
  /* Of every 16 bytes of dynamic shared memory: 1 + the thread that wrote them last and has not fenced since;
   * 0: none. */
  std::vector<uint16_t> unfenced;
  std::vector<StaticArray> static_arrays;
  unsigned char* stacks = nullptr;
  size_t stack_count = 0;
};

/** The block and thread that this host thread is in the middle of; nullptr outside of kernels. */
extern thread_local BlockState* current_block;
extern thread_local Fiber* current_fiber;

/** For the length of a primitive: accesses are the emulator's own. They would be checked as a kernel's
 * otherwise, where the linker takes an inline function of the standard library from a kernel's object file,
 * compiled with checks. */
class InModel {
 public:
  InModel() : fiber_(current_fiber) {
    if (fiber_ != nullptr) fiber_->in_model = true;
  }
  ~InModel() {
    if (fiber_ != nullptr) fiber_->in_model = false;
  }
  InModel(const InModel&) = delete;
  InModel& operator=(const InModel&) = delete;

 private:
  Fiber* fiber_;
};

/** Faults where this thread must not touch the device's memory yet: `what` it does there. */
void require_waited(const char* what);

/** check_access (memory.h) without regard to InModel. */
void require_access(const void* address, size_t bytes, size_t alignment, bool write);

/** A stack pointer for a fiber that begins with the block's kernel, on a stack that ends at `top`. */
void* prepare_stack(unsigned char* top);
/** Runs the block's fibers until all have ended, or one has left them. */
void run_fibers();
/** Back to run_fibers()' caller; the fibers are abandoned where they are. */
[[noreturn]] void leave_fibers();

uint64_t next_random();
/** Waits until another fiber passes this one to make_ready. */
void wait(const char* what, Place place);
/** In the schedule's order. */
void make_ready(Fiber* const* fibers, unsigned count);
/** To be called when the last to arrive has made the others ready: it may have to go behind them. */
void let_others_go_first(const char* what, Place place);

/** Gathers the lanes of `mask`; the last one calls `execute` with everybody's operand and goes on with the
 * others. */
template <class Execute>
void warp_collective(unsigned mask, const char* name, void* operand, Place place, Execute&& execute);
Gathering& gather(unsigned mask, const char* name, void* operand, Place place);

template <class Execute>
void warp_collective(unsigned mask, const char* name, void* operand, Place place, Execute&& execute) {
  Gathering& g = gather(mask, name, operand, place);
  if (g.arrived < static_cast<unsigned>(__builtin_popcount(mask))) {
    wait(name, place);
    return;
  }
  Fiber* others[32];
  const unsigned count = g.arrived - 1;
  for (unsigned i = 0; i < count; ++i) others[i] = g.fibers[i];
  execute(g.operands);
  g.arrived = 0;
  make_ready(others, count);
  let_others_go_first(name, place);
}

/** The shared-memory address of `p`: its offset from the start of dynamic shared memory. Faults if these
 * bytes are not in shared memory or not aligned. */
size_t shared_offset(const void* p, size_t bytes, size_t alignment, const char* what);

}  // namespace fusor::cuda::emulator
