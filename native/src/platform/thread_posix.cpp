#include <pthread.h>
#include <signal.h>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "platform/thread.h"

namespace fusor::platform {
namespace {

// As much as glibc gives, since what runs there must run here; only what is touched becomes memory. musl
// gives 128 KiB, of which the rows that a softmax keeps and the shares of its threads take 90.
constexpr size_t kStackBytes = size_t{8} << 20;

}  // namespace

int Thread::start(void* (*main)(void*), void* argument) {
  pthread_attr_t attributes;
  if (const int error = pthread_attr_init(&attributes)) return error;
  size_t usual = 0;
  pthread_attr_getstacksize(&attributes, &usual);
  if (usual < kStackBytes) pthread_attr_setstacksize(&attributes, kStackBytes);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread{};
  const int error = pthread_create(&thread, &attributes, main, argument);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
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
