// Threads of the engine's own.
#pragma once

#include <cstdint>

namespace fusor::platform {

class Thread {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Runs main(argument) on a new thread, which gets no signals: those are for the threads of the application.
  // 0, or the errno of the system's refusal.
  int start(void* (*main)(void*), void* argument);
  // Then exactly one of these.
  void join();
  void detach();

  bool is_current() const;

 private:
  uintptr_t handle_ = 0;  // pthread_t, or Windows' HANDLE
  uint32_t number_ = 0;   // Windows: the number of the thread
};

// What tools show the calling thread as; up to 15 characters of ASCII.
void name_this_thread(const char* name);

// Calls `handler` in the child of a fork, where there are such.
void on_fork(void (*handler)());

}  // namespace fusor::platform
