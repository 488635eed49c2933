// A condition variable on a std::mutex. Not std::condition_variable: its wait() needs a newer libstdc++ than
// the oldest that Fusor runs on. On Windows both are those of winpthreads, on which MinGW builds its library.
#pragma once

#include <pthread.h>

#include <mutex>

namespace fusor::platform {

class Condition {
 public:
  Condition() = default;
  ~Condition() { pthread_cond_destroy(&condition_); }
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  // May wake without a reason, as all condition variables do.
  void wait(std::unique_lock<std::mutex>& lock) {
    pthread_cond_wait(&condition_, lock.mutex()->native_handle());
  }
  void wake_one() { pthread_cond_signal(&condition_); }
  void wake_all() { pthread_cond_broadcast(&condition_); }

 private:
  pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;
};

}  // namespace fusor::platform
