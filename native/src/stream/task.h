// One entry of a stream's queue.
#pragma once

#include "tensor/failure.h"

namespace fusor {

class Stream;

// Made by the thread that calls, run and destroyed on the stream's thread. A task lets go of its tensors
// before it calls back, so that whoever is called finds them released.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;

  // May throw Error (or std::bad_alloc); then fail() follows.
  virtual void run(Stream& stream) = 0;
  // Whether it needs nothing of what was queued before it, so that it may be done earlier.
  virtual bool is_upload() const { return false; }
  // The work was not, or not fully, done: it failed, or the stream ends. Marks outputs, calls back. Must not
  // throw.
  virtual void fail(Stream& stream, const Ref<Failure>& failure) = 0;
};

}  // namespace fusor
