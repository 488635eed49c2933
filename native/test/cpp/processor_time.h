// What a process uses of the processor while it should do nothing.
#pragma once

#include <sys/resource.h>

#include <chrono>
#include <thread>

namespace fusor::testing {

inline double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// True if this process is at rest: less than 0.05 s in one of three windows of 0.3 s. A spinning thread would
// use up to 0.3 s of each. On a busy machine one that is about to sleep may come to it late.
inline bool comes_to_rest() {
  for (int window = 0; window < 3; ++window) {
    const double before = processor_seconds();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    if (processor_seconds() - before < 0.05) return true;
  }
  return false;
}

}  // namespace fusor::testing
