#include <pthread.h>
#include <signal.h>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "platform/thread.h"

namespace fusor::platform {

int Thread::start(void* (*main)(void*), void* argument) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread{};
  const int error = pthread_create(&thread, nullptr, main, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  handle_ = uintptr_t(thread);
  return error;
}

void Thread::join() {
  pthread_join(pthread_t(handle_), nullptr);
}

void Thread::detach() {
  pthread_detach(pthread_t(handle_));
}

bool Thread::is_current() const {
  return pthread_equal(pthread_self(), pthread_t(handle_)) != 0;
}

void name_this_thread([[maybe_unused]] const char* name) {
#if defined(__linux__)
  prctl(PR_SET_NAME, name, 0, 0, 0);
#endif
}

void on_fork(void (*handler)()) {
  pthread_atfork(nullptr, nullptr, handler);
}

}  // namespace fusor::platform
