#include "cpu/threads/signal.h"

#include <chrono>

#include "platform/wait.h"

namespace fusor::cpu {

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
  while ((now = value_.load(std::memory_order_seq_cst)) == old) platform::sleep_while_equal(value_, old);
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
  if (sleepers_.load(std::memory_order_seq_cst) != 0) platform::wake_sleepers(value_);
}

}  // namespace fusor::cpu
