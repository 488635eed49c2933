// A queue of work on one device with its own thread: first in, first out; asleep when there is nothing to do.
//
// One per environment and device. Other streams meet it only through fences.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "fusor/backend.h"
#include "platform/condition.h"
#include "platform/thread.h"
#include "stream/callback.h"
#include "stream/task.h"
#include "tensor/device.h"
#include "tensor/storage.h"

namespace fusor {

class Stream final : public Counted {
 public:
  // Eager work past these limits is refused: 16384 queued ops are some MB of descriptors and, at 10 µs an op,
  // a sixth of a second of work; nobody needs more to keep a device busy.
  static constexpr size_t kMaxQueuedTasks = 16384;
  // Of copies that queued tasks hold for devices with memory of their own.
  static constexpr int64_t kMaxQueuedBytes = int64_t{1} << 30;

  // Starts the thread. Throws if that, or the backend, fails.
  static Ref<Stream> start(Device& device);
  explicit Stream(Device& device);
  ~Stream() override = default;

  Device& device() const { return device_; }

  // ---- for the threads that give work ----

  // Throws FUSOR_ERROR_DISPOSED once the stream is stopped.
  void push(std::unique_ptr<Task> task);
  // The same for eager work that holds `bytes` of copies; throws FUSOR_ERROR_QUEUE_FULL past the limits.
  void push_bounded(std::unique_ptr<Task> task, int64_t bytes = 0);
  // Lets the step under way finish, fails everything queued with FUSOR_ERROR_DISPOSED and joins the thread.
  void stop();

  // ---- for tasks, on the stream's thread ----

  fusor_backend_stream* backend_stream() const { return backend_stream_; }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  void throw_if_stopping() const {
    if (stopping()) throw Error(disposed_);
  }
  void check(fusor_status status) const { fusor::check(device_, status); }
  // Waits until the device has finished everything, and calls those who waited for parts of it.
  void synchronize();
  // Calls back when the device has finished everything that it has been given so far; until then this thread
  // gives it what comes next. Throws, and will not call, if that cannot be arranged.
  void call_when_finished(Callback callback);
  // Keeps a failure that no tensor carries for the next synchronize. The first one stays.
  void report(const Ref<Failure>& failure);
  Ref<Failure> take_report();

 private:
  struct Entry {
    std::unique_ptr<Task> task;
    int64_t bytes = 0;
  };

  void enqueue(std::unique_ptr<Task> task, int64_t bytes, bool bounded);
  static void* thread_main(void* stream);
  void work();
  Entry next();
  Entry take_front();  // with the lock held
  void start_uploads();
  void finish_oldest();
  void finish_all();
  void execute(Task& task);
  // What `work()` throws, or null.
  template <class Work>
  Ref<Failure> failure_of(Work&& work) const;

  Device& device_;
  const Ref<Failure> disposed_;
  const Ref<Failure> out_of_host_memory_;
  const Ref<Failure> unknown_;

  std::mutex mutex_;  // guards the queue and the start
  platform::Condition condition_;
  std::deque<Entry> queue_;
  int64_t queued_bytes_ = 0;
  bool asleep_ = false;
  std::atomic<bool> stopping_{false};

  enum class Start { kPending, kDone, kFailed };
  Start start_ = Start::kPending;
  Ref<Failure> start_failure_;

  platform::Thread thread_;
  fusor_backend_stream* backend_stream_ = nullptr;
  // Runs under way: each has a mark in the backend's stream.
  static constexpr size_t kMostUnderWay = 8;
  std::deque<Callback> under_way_;
  Ref<Failure> report_;
};

}  // namespace fusor
