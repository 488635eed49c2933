// The process-wide thread pool. One caller at a time has it (a Turn, first come first served, so that several
// streams share it fairly, plan by plan); inside a turn, run() is a fork-join over a team of threads, the
// caller being thread 0. Workers spin for some microseconds after a team's end, then sleep: an idle pool uses
// no CPU.
#pragma once

#include <cstdint>
#include <type_traits>

namespace fusor::cpu {

// What one thread of a team knows. Teams have 1 to kMaxThreads threads.
class Team {
 public:
  static constexpr int kMaxThreads = 256;

  int thread() const { return thread_; }  // 0 to threads() - 1
  int threads() const { return threads_; }
  // Waits until all threads of the team are here.
  void barrier();

 private:
  friend class Pool;
  int thread_ = 0;
  int threads_ = 1;
};

// Hands out `count` items to a team. Thread t starts with its own contiguous share, in order, so the same
// thread gets the same rows or channels in every layer (they are still in its cache); a thread whose share is
// done takes items from the end of another's. Which thread computes an item never changes the item's result.
//
// Made before the team runs and used by all its threads; for several phases in one run() make one per phase.
// Up to 2^31 items per thread.
class WorkShares {
 public:
  WorkShares(int64_t count, int threads);
  // The next item, or -1 when all are taken.
  int64_t take(const Team& team);
  // Whether `item` is in the share that the thread starts with.
  bool owns(const Team& team, int64_t item) const;

 private:
  int64_t begin_of(int share) const;

  struct alignas(64) Share {
    uint64_t taken;  // items gone from the front (low half) and from the back; accessed atomically
  };
  int64_t quotient_, rest_;
  int threads_;
  Share shares_[Team::kMaxThreads];  // only the first threads_ are initialised: 16 KB would be a third of an
                                     // L1 cache
};

class Pool {
 public:
  static Pool& instance();

  // Physical cores available to this process (affinity and cgroup quota considered), or what set_threads
  // asked for.
  int threads() const;
  void set_threads(int threads);  // 0: back to the default

  // Exclusive use of the pool. Not recursive.
  class Turn {
   public:
    Turn();
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
  };

  // Runs work(const Team&) (or work(Team&)) on min(threads, threads()) threads and returns when all are done.
  // Only inside a Turn; not from within work. Exceptions must not leave `work`.
  template <class Work>
  void run(int threads, Work&& work) {
    run_team(threads, call<Work>, const_cast<void*>(static_cast<const void*>(&work)), Start::Every);
  }

  // As run(), for work that takes all its items from WorkShares: a thread that has not even begun when the
  // caller is done is left out. On a busy machine a worker may get a core only after the others have done
  // everything, and nobody needs to wait for that.
  template <class Work>
  void share(int threads, Work&& work) {
    run_team(threads, call<Work>, const_cast<void*>(static_cast<const void*>(&work)), Start::IfNeeded);
  }

 private:
  enum class Start { Every, IfNeeded };

  template <class Work>
  static void call(void* work, Team& team) {
    (*static_cast<std::remove_reference_t<Work>*>(work))(team);
  }
  void run_team(int threads, void (*function)(void*, Team&), void* context, Start start);
};

}  // namespace fusor::cpu
