// The pool behind pool.h. Every worker has a cache line of its own, into which the caller writes the job and
// then moves the worker's signal: one line travels from core to core per worker and run. The end is one
// shared count.
//
// Workers live as long as the process: everything they touch is on the heap and never freed, so that they may
// sleep through exit() and its destructors. The shared library must not be unmapped under them (it is linked
// with -z nodelete, or pinned by the first thread on Windows). A forked child has none of its parent's
// threads: it starts with a fresh pool.
#include "cpu/threads/pool.h"

#include <algorithm>
#include <atomic>
#include <new>

#include "cpu/threads/signal.h"
#include "platform/cores.h"
#include "platform/thread.h"

namespace fusor::cpu {
namespace {

// How long threads spin before they sleep. Waking a sleeper costs 5 to 50 microseconds (much of it the exit
// from the core's idle state), so workers bridge the gaps between the layers of a plan and between eager ops
// (1 to 20 microseconds) and the return from JavaScript between two runs. Teams larger than the machine sleep
// at once: there the spinner stands in the way of the thread that it waits for.
constexpr int64_t kSpinNanoseconds = 100'000;
// A turn lasts for a whole plan more often than not.
constexpr int64_t kTurnSpinNanoseconds = 5'000;

struct alignas(64) Worker {
  Signal job;  // moves when there is something to do
  // True from when a job is posted until the worker begins it, or the caller takes it back.
  std::atomic<bool> posted{false};
  void (*function)(void*, Team&) = nullptr;
  void* context = nullptr;
  Team team;
  int64_t spin = 0;
};

struct State {
  struct alignas(64) {
    std::atomic<int32_t> remaining{0};  // workers that have not finished the current run
    Signal done;                        // moves with the last of them
  } end;
  struct alignas(64) {
    std::atomic<int32_t> arrived{0};
    Signal phase;
  } barrier;
  struct alignas(64) {
    std::atomic<uint32_t> next{0};
    Signal serving;
  } tickets;
  alignas(64) int64_t spin = 0;               // of the team under way
  int workers = 0;                            // started; only changed inside a turn
  std::atomic<int> requested{0};              // by set_threads; 0: the default
  std::atomic<int> cores{0};                  // 0: not counted yet
  std::atomic<int> limit{Team::kMaxThreads};  // less once the system refused to start a thread
  Worker worker[Team::kMaxThreads];           // [0] is the caller's and unused
};

State* current = nullptr;  // never freed

void start_afresh_in_child() {
  // Other threads are gone, whatever they held: only what set_threads asked for and the count of cores still
  // hold. The old state is left as it is (its locks may be taken) and leaks once per fork.
  const State* old = current;
  State* fresh = new (std::nothrow) State;
  if (!fresh) return;
  fresh->requested = old->requested.load();
  fresh->cores = old->cores.load();
  current = fresh;
}

State& state() {
  static const bool ready = [] {
    current = new State;
    platform::on_fork(start_afresh_in_child);
    return true;
  }();
  (void)ready;
  return *current;
}

int core_count(State& s) {
  int cores = s.cores.load(std::memory_order_relaxed);
  if (cores == 0) {
    cores = platform::available_cores();
    s.cores.store(cores, std::memory_order_relaxed);
  }
  return cores;
}

// Streaming stores (simd/stream.h) are ordered by nothing else. Once per thread and team: after each piece of
// 8 KB it took more than half of a thread's time to wait for them.
void order_streaming_stores() {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

void* worker_main(void* argument) {
  platform::name_this_thread("fusor-worker");
  Worker& worker = *static_cast<Worker*>(argument);
  State& s = *current;
  uint32_t seen = 0;
  int64_t spin = kSpinNanoseconds;
  for (;;) {
    seen = worker.job.wait_while(seen, spin);
    if (!worker.posted.exchange(false, std::memory_order_acquire)) continue;
    spin = worker.spin;
    worker.function(worker.context, worker.team);
    order_streaming_stores();
    if (s.end.remaining.fetch_sub(1, std::memory_order_acq_rel) == 1) s.end.done.advance();
  }
  return nullptr;
}

// Starts workers until there are `count`; fewer where the system refuses.
void start_workers(State& s, int count) {
  if (s.workers >= count) return;
  while (s.workers < count) {
    platform::Thread thread;
    if (thread.start(worker_main, &s.worker[s.workers + 1]) != 0) {
      s.limit.store(s.workers + 1, std::memory_order_relaxed);
      break;
    }
    thread.detach();
    ++s.workers;
  }
}

}  // namespace

void Team::barrier() {
  if (threads_ == 1) return;
  State& s = *current;
  const uint32_t phase = s.barrier.phase.value();
  if (s.barrier.arrived.fetch_add(1, std::memory_order_acq_rel) == threads_ - 1) {
    s.barrier.arrived.store(0, std::memory_order_relaxed);
    s.barrier.phase.advance();
  } else {
    s.barrier.phase.wait_while(phase, s.spin);
  }
}

WorkShares::WorkShares(int64_t count, int threads) : threads_(std::clamp(threads, 1, Team::kMaxThreads)) {
  quotient_ = count / threads_;
  rest_ = count % threads_;
  for (int i = 0; i < threads_; ++i) shares_[i].taken = 0;
}

int64_t WorkShares::begin_of(int share) const {
  return quotient_ * share + std::min<int64_t>(share, rest_);
}

bool WorkShares::owns(const Team& team, int64_t item) const {
  const int share = team.thread() % threads_;
  return begin_of(share) <= item && item < begin_of(share + 1);
}

int64_t WorkShares::take(const Team& team) {
  // Every attempt adds one to its half of `taken`. The first to find front + back == size fails, and so do
  // all after it, so that no item is given out twice, without a compare-and-swap loop.
  constexpr uint64_t kFront = 1, kBack = uint64_t{1} << 32;
  const auto front = [](uint64_t taken) { return static_cast<int64_t>(taken & 0xffffffff); };
  const auto back = [](uint64_t taken) { return static_cast<int64_t>(taken >> 32); };
  const int own = team.thread() % threads_;
  for (int i = 0; i < threads_; ++i) {
    const int share = own + i < threads_ ? own + i : own + i - threads_;
    const int64_t begin = begin_of(share), end = begin_of(share + 1);
    uint64_t& counter = shares_[share].taken;
    // Looking first leaves the line of a finished share where it is.
    uint64_t taken = __atomic_load_n(&counter, __ATOMIC_RELAXED);
    if (front(taken) + back(taken) >= end - begin) continue;
    taken = __atomic_fetch_add(&counter, i == 0 ? kFront : kBack, __ATOMIC_RELAXED);
    if (front(taken) + back(taken) >= end - begin) continue;
    return i == 0 ? begin + front(taken) : end - 1 - back(taken);
  }
  return -1;
}

Pool& Pool::instance() {
  static Pool pool;
  return pool;
}

int Pool::threads() const {
  State& s = state();
  const int requested = s.requested.load(std::memory_order_relaxed);
  const int threads = requested > 0 ? requested : core_count(s);
  return std::clamp(threads, 1, s.limit.load(std::memory_order_relaxed));
}

void Pool::set_threads(int threads) {
  State& s = state();
  // Asking anew is also a reason to try again what failed before.
  s.limit.store(Team::kMaxThreads, std::memory_order_relaxed);
  s.requested.store(std::clamp(threads, 0, Team::kMaxThreads), std::memory_order_relaxed);
}

Pool::Turn::Turn() {
  State& s = state();
  const uint32_t ticket = s.tickets.next.fetch_add(1, std::memory_order_relaxed);
  uint32_t serving = s.tickets.serving.value();
  while (serving != ticket) serving = s.tickets.serving.wait_while(serving, kTurnSpinNanoseconds);
}

Pool::Turn::~Turn() {
  state().tickets.serving.advance();
}

void Pool::run_team(int threads, void (*function)(void*, Team&), void* context, Start start) {
  State& s = state();
  threads = std::clamp(threads, 1, this->threads());
  if (threads > 1) {
    start_workers(s, threads - 1);
    threads = std::min(threads, s.workers + 1);
  }
  Team caller;
  caller.threads_ = threads;
  if (threads == 1) {
    function(context, caller);
    order_streaming_stores();
    return;
  }

  s.spin = threads <= core_count(s) ? kSpinNanoseconds : 0;
  s.end.remaining.store(threads - 1, std::memory_order_relaxed);
  const uint32_t done = s.end.done.value();
  for (int i = 1; i < threads; ++i) {
    Worker& worker = s.worker[i];
    worker.function = function;
    worker.context = context;
    worker.team.thread_ = i;
    worker.team.threads_ = threads;
    worker.spin = s.spin;
    worker.posted.store(true, std::memory_order_release);
    worker.job.advance();
  }
  function(context, caller);
  order_streaming_stores();
  // Whoever passed a barrier has begun, and shares are taken to the last item: what nobody began is not
  // needed.
  if (start == Start::IfNeeded) {
    int taken_back = 0;
    for (int i = 1; i < threads; ++i)
      taken_back += s.worker[i].posted.exchange(false, std::memory_order_relaxed) ? 1 : 0;
    if (taken_back > 0 && s.end.remaining.fetch_sub(taken_back, std::memory_order_acq_rel) == taken_back)
      return;
  }
  s.end.done.wait_while(done, s.spin);
}

}  // namespace fusor::cpu
