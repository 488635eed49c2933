#include "plan/hold.h"

#include <algorithm>

#include "arch/launch.h"

namespace fusor::cuda {
namespace {

__global__ void wait_kernel(int64_t clocks) {
#if defined(__CUDACC__)
  const int64_t start = clock64();
  while (clock64() - start < clocks) __nanosleep(500);
#else
  (void)clocks;  // the emulator has no time
#endif
}

}  // namespace

Status hold(Stream& stream, int microseconds) {
  constexpr int64_t kClocksPerMicrosecond = 1800;
  constexpr int kMost = 100'000;  // nobody waits longer for nothing
  return launch(wait_kernel, LaunchShape(1, 1), stream,
                std::min(microseconds, kMost) * kClocksPerMicrosecond);
}

}  // namespace fusor::cuda
