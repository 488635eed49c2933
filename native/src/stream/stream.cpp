#include "stream/stream.h"

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "stream/fence.h"

namespace fusor {

Stream::Stream(Device& device)
    : device_(device),
      disposed_(
          make_ref<Failure>(FUSOR_ERROR_DISPOSED, "the environment was shut down before this work was done")),
      out_of_host_memory_(make_ref<Failure>(FUSOR_ERROR_OUT_OF_MEMORY, "out of host memory")),
      unknown_(make_ref<Failure>(FUSOR_ERROR_INTERNAL, "an exception of an unknown kind")) {}

Ref<Stream> Stream::start(Device& device) {
  auto stream = make_ref<Stream>(device);
  // The thread owns a reference of its own.
  const int error = stream->thread_.start(&Stream::thread_main, Ref(stream).detach());
  if (error != 0) {
    stream->release();  // the thread's
    if (error == ENOMEM) throw std::bad_alloc();
    fusor::fail(FUSOR_ERROR_INTERNAL, "the thread of the stream on ", device.id,
                " could not be started: ", strerror(error));
  }
  std::unique_lock lock(stream->mutex_);
  while (stream->start_ == Start::kPending) stream->condition_.wait(lock);
  if (stream->start_ == Start::kFailed) {
    const Ref<Failure> failure = stream->start_failure_;
    lock.unlock();
    stream->thread_.join();
    throw Error(failure);
  }
  return stream;
}

void Stream::push(std::unique_ptr<Task> task) {
  enqueue(std::move(task), 0, false);
}

void Stream::push_bounded(std::unique_ptr<Task> task, int64_t bytes) {
  enqueue(std::move(task), bytes, true);
}

void Stream::enqueue(std::unique_ptr<Task> task, int64_t bytes, bool bounded) {
  const std::lock_guard lock(mutex_);
  if (stopping()) throw Error(disposed_);
  if (bounded && queue_.size() >= kMaxQueuedTasks) {
    fusor::fail(FUSOR_ERROR_QUEUE_FULL, "the queue of ", device_.id, " is full: ", queue_.size(),
                " operations are waiting; await synchronize('", device_.id, "') from time to time");
  }
  // One copy larger than the limit is let through when nothing else waits.
  if (bounded && bytes > 0 && queued_bytes_ > 0 && queued_bytes_ + bytes > kMaxQueuedBytes) {
    fusor::fail(FUSOR_ERROR_QUEUE_FULL, "the queue of ", device_.id, " is full: copies of ", queued_bytes_,
                " bytes are waiting; await synchronize('", device_.id, "') from time to time");
  }
  queue_.push_back({std::move(task), bytes});
  queued_bytes_ += bytes;
  if (asleep_) condition_.wake_one();
}

void Stream::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping()) return;
    stopping_.store(true, std::memory_order_relaxed);
    condition_.wake_one();
  }
  Fence::wake_all();
  if (thread_.is_current()) {
    thread_.detach();  // an environment destroyed in one of its own callbacks
  } else {
    thread_.join();
  }
}

void Stream::report(const Ref<Failure>& failure) {
  if (!report_) report_ = failure;
}

Ref<Failure> Stream::take_report() {
  return std::exchange(report_, nullptr);
}

template <class Work>
Ref<Failure> Stream::failure_of(Work&& work) const {
  try {
    work();
    return nullptr;
  } catch (const Error& error) {
    return error.failure;
  } catch (const std::bad_alloc&) {
    return out_of_host_memory_;
  } catch (...) {
    return unknown_;
  }
}

void* Stream::thread_main(void* stream) {
  Ref<Stream>::adopt(static_cast<Stream*>(stream))->work();
  return nullptr;
}

void Stream::work() {
  const Ref<Failure> failure =
      failure_of([this] { check(device_.backend->stream_create(device_.index, &backend_stream_)); });
  {
    const std::lock_guard lock(mutex_);
    start_failure_ = failure;
    start_ = failure ? Start::kFailed : Start::kDone;
    condition_.wake_all();
  }
  if (failure) return;
  for (Entry entry = next(); entry.task; entry = next()) {
    execute(*entry.task);
    entry.task.reset();  // before the next task: what synchronize() reports as done is released, too
  }
  finish_all();
  device_.backend->stream_destroy(backend_stream_);
}

Stream::Entry Stream::next() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (!queue_.empty() && under_way_.size() < kMostUnderWay) return take_front();
      if (under_way_.empty()) {
        while (queue_.empty() && !stopping()) {
          asleep_ = true;
          condition_.wait(lock);
        }
        asleep_ = false;
        return queue_.empty() ? Entry{} : take_front();
      }
    }
    start_uploads();  // the next run's inputs are then on their way while this run computes
    finish_oldest();
  }
}

void Stream::synchronize() {
  check(device_.backend->stream_synchronize(backend_stream_));
  finish_all();
}

void Stream::call_when_finished(Callback callback) {
  if (device_.backend->stream_mark == nullptr) {
    callback.succeed();
    return;
  }
  under_way_.push_back(callback);
  try {
    check(device_.backend->stream_mark(backend_stream_));
  } catch (...) {
    under_way_.pop_back();
    throw;
  }
}

void Stream::finish_oldest() {
  const Callback callback = under_way_.front();
  const Ref<Failure> failure = failure_of([this] { check(device_.backend->stream_wait(backend_stream_)); });
  under_way_.pop_front();
  if (failure) {
    callback.fail(failure);
  } else {
    callback.succeed();
  }
}

void Stream::finish_all() {
  while (!under_way_.empty()) finish_oldest();
}

// Those that come next in the queue.
void Stream::start_uploads() {
  for (;;) {
    Entry entry;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty() || !queue_.front().task->is_upload()) return;
      entry = take_front();
    }
    execute(*entry.task);
  }
}

Stream::Entry Stream::take_front() {
  Entry entry = std::move(queue_.front());
  queue_.pop_front();
  queued_bytes_ -= entry.bytes;
  return entry;
}

void Stream::execute(Task& task) {
  const Ref<Failure> failure = failure_of([&] {
    throw_if_stopping();
    task.run(*this);
  });
  if (failure) task.fail(*this, failure);
}

}  // namespace fusor
