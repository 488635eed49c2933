#include "cpu/threads/signal.h"

#include <chrono>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <pthread.h>
#endif

namespace fusor::cpu {
namespace {

#if defined(__linux__)

// The kernel compares the word once more before it puts the thread to sleep, so a change in between is never
// missed. A return for any other reason (a signal handler ran) is harmless: callers look again.
void sleep_while_equal(const std::atomic<uint32_t>& word, uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}
void wake_sleepers(const std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

#else

// One lock for all signals: only sleeping and waking threads take it.
pthread_mutex_t sleep_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t sleep_condition = PTHREAD_COND_INITIALIZER;

void sleep_while_equal(const std::atomic<uint32_t>& word, uint32_t value) {
  pthread_mutex_lock(&sleep_mutex);
  while (word.load(std::memory_order_seq_cst) == value) pthread_cond_wait(&sleep_condition, &sleep_mutex);
  pthread_mutex_unlock(&sleep_mutex);
}
void wake_sleepers(const std::atomic<uint32_t>&) {
  pthread_mutex_lock(&sleep_mutex);
  pthread_cond_broadcast(&sleep_condition);
  pthread_mutex_unlock(&sleep_mutex);
}

#endif

}  // namespace

uint32_t Signal::wait_while(uint32_t old, int64_t spin_nanoseconds) {
  uint32_t now = value();
  if (now != old) return now;
  if (spin_nanoseconds > 0) {
    // Reading the clock takes as long as a pause or two, so it is read every 16 pauses only (about a
    // microsecond).
    const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(spin_nanoseconds);
    do {
      for (int i = 0; i < 16; ++i) {
        spin_pause();
        now = value();
        if (now != old) return now;
      }
    } while (std::chrono::steady_clock::now() < end);
  }
  // Sequentially consistent on both sides: either the sleeper sees the new value, or the waker sees the
  // sleeper.
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while ((now = value_.load(std::memory_order_seq_cst)) == old) sleep_while_equal(value_, old);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  return now;
}

uint32_t Signal::advance(uint32_t amount) {
  const uint32_t now = value_.fetch_add(amount, std::memory_order_seq_cst) + amount;
  wake();
  return now;
}

void Signal::set(uint32_t value) {
  value_.store(value, std::memory_order_seq_cst);
  wake();
}

void Signal::wake() {
  if (sleepers_.load(std::memory_order_seq_cst) != 0) wake_sleepers(value_);
}

}  // namespace fusor::cpu
