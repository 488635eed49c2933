// A block of threads on the host. Every CUDA thread is a fiber with a stack of its own; a fiber runs until it
// has to wait for others (a barrier, a warp collective) and then hands over to one that can run. One block at
// a time per host thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <tuple>
#include <utility>

#include "arch/stream.h"

struct uint3;
struct dim3;

namespace fusor::cuda::emulator {

using Place = std::source_location;

/** In which order threads, blocks and late copies run. A kernel that is right gives the same result in all of
 * them; where a barrier is missing, some order shows it. */
enum class Schedule { forward, reverse, random };
void set_schedule(Schedule schedule, uint64_t seed = 1);
Schedule schedule();

/** Host threads that blocks are spread over; 0: as many as there are cores. */
void set_host_threads(unsigned count);

/** What was counted since the last call, over all launches. */
struct Counters {
  uint64_t launches = 0, blocks = 0, switches = 0;
  uint64_t ldmatrix_phases = 0; /* 8 rows of 16 bytes: one pass through the banks if there is no conflict */
  uint64_t ldmatrix_bank_conflicts = 0; /* further passes */
};
Counters take_counters();

// ---- what a running thread knows
// ----------------------------------------------------------------------------------------
[[gnu::const]] uint3 thread_index();
[[gnu::const]] uint3 block_index();
[[gnu::const]] dim3 block_size();
[[gnu::const]] dim3 grid_size();
[[gnu::const]] unsigned char* dynamic_shared();
void* static_shared(const void* key, size_t bytes);

void synchronize_threads(Place place);
bool synchronize_threads_or(bool predicate, Place place);
void named_barrier(int id, int threads, bool wait, Place place = Place::current());

/** arch/overlap.h. A thread of an early launch that touches the device's memory before, or ends without it,
 * is a fault. */
void wait_for_earlier_launches();
/** Lets the thread touch memory although it has not waited; gives what was so before. */
bool allow_access_before_waiting(bool allowed);

/** Ends the launch: the device is lost, as after an illegal access on a GPU, and the text says why, with the
 * list of what every thread of the block was waiting for. */
[[noreturn, gnu::format(printf, 1, 2)]] void fault(const char* format, ...);

// ---- launches
// -----------------------------------------------------------------------------------------------------------
class Call {
 public:
  virtual ~Call() = default;
  virtual void run() const = 0;
};

/** A kernel with its arguments. Every thread gets its own copy of these, on its stack. */
template <class... Parameters>
class KernelCall final : public Call {
 public:
  explicit KernelCall(void (*kernel)(Parameters...), Parameters... arguments)
      : kernel_(kernel), arguments_(arguments...) {}
  __attribute__((no_sanitize("thread"))) void run() const override {
    call(std::index_sequence_for<Parameters...>());
  }

 private:
  template <size_t... I>
  __attribute__((no_sanitize("thread"))) void call(std::index_sequence<I...>) const {
    kernel_(std::get<I>(arguments_)...);
  }
  void (*kernel_)(Parameters...);
  std::tuple<Parameters...> arguments_;
};

/** Takes `call`. */
Status launch(DeviceStream stream, const dim3& grid, const dim3& block, size_t shared_bytes, Place place,
              bool early, Call* call);

}  // namespace fusor::cuda::emulator
