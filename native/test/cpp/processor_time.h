// What a process uses of the processor while it should do nothing.
#pragma once

#include <chrono>
#include <thread>

#include "system.h"

namespace fusor::testing {

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
