// How one stream waits for another: a fence is a mark in the other's queue.
#pragma once

#include <vector>

#include "stream/stream.h"

namespace fusor {

// Waits between streams are rare (a tensor that went from one environment, or one device, to another; one
// plan run from two environments), so all of them share one mutex and one condition: whoever waits can then
// also be woken when its own stream is stopped.
class Fence final : public Counted {
 public:
  // A mark after everything that `stream` has been given so far.
  static Ref<Fence> after(Stream& stream);

  void signal();
  // Throws FUSOR_ERROR_DISPOSED if `waiting` is stopped meanwhile.
  void wait(const Stream& waiting);

  // Sleeps until `condition()` holds; it is called with the shared mutex held, which guards what it looks at,
  // and may change it. Throws as above.
  template <class Callable>
  static void wait_until(const Stream& waiting, Callable&& condition) {
    std::unique_lock lock(mutex());
    while (!condition()) {
      waiting.throw_if_stopping();
      sleep(lock);
    }
  }
  // Changes what conditions look at, and wakes those who wait.
  template <class Callable>
  static void change(Callable&& change) {
    const std::lock_guard lock(mutex());
    change();
    wake_sleepers();
  }
  static void wake_all() {
    change([] {});
  }

 private:
  static std::mutex& mutex();
  static void sleep(std::unique_lock<std::mutex>& lock);
  static void wake_sleepers();

  bool signalled_ = false;
};

// What a task has to wait for before it may touch its tensors: work on them that other streams were given
// earlier.
class Dependencies {
 public:
  // Called by the thread that gives `stream` the task.
  void add(const Stream& stream, const Storage& storage);
  void wait(const Stream& stream) const {
    for (const Ref<Fence>& fence : fences_) fence->wait(stream);
  }

 private:
  std::vector<Ref<Fence>> fences_;
};

}  // namespace fusor
