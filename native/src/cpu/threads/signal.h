// A counter that threads can wait for: they spin for a while, then sleep in the kernel until somebody moves
// it. Used for everything the pool waits for: work, the end of a team, barriers and turns.
#pragma once

#include <atomic>
#include <cstdint>

namespace fusor::cpu {

// One step of a spin loop: tells the core that nothing is being computed here.
inline void spin_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

class Signal {
 public:
  uint32_t value() const { return value_.load(std::memory_order_acquire); }

  // Returns once the value differs from `old`, and gives it. Sleeps after spinning for `spin_nanoseconds`.
  uint32_t wait_while(uint32_t old, int64_t spin_nanoseconds);

  // Adds `amount` (which may wrap around), wakes every sleeper and gives the new value.
  uint32_t advance(uint32_t amount = 1);
  void set(uint32_t value);

 private:
  void wake();

  std::atomic<uint32_t> value_{0};
  std::atomic<uint32_t> sleepers_{0};
};

}  // namespace fusor::cpu
