#include "cpu/peak/peak.h"

#include <algorithm>
#include <chrono>

namespace fusor::cpu {

double measure_peak(const KernelSet& kernels, Pool& pool, int threads) {
  const PeakKernels& peak = *kernels.peak;
  const auto seconds = [&](int64_t steps) {
    struct alignas(64) Result {
      float value = 0;
    } results[Team::kMaxThreads];
    const auto start = std::chrono::steady_clock::now();
    pool.run(threads, [&](const Team& team) { peak.multiply_add(steps, &results[team.thread()].value); });
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  // Windows of about 10 ms: short enough that one of them is not disturbed, long against the 1 microsecond of
  // a run().
  int64_t steps = 1000;
  double elapsed = seconds(steps);
  while (elapsed < 5e-3 && steps < (int64_t{1} << 40)) {
    steps *= 2;
    elapsed = seconds(steps);
  }
  double best = elapsed;
  for (int window = 0; window < 10; ++window) best = std::min(best, seconds(steps));
  const int used = std::clamp(threads, 1, pool.threads());
  return static_cast<double>(steps) * static_cast<double>(peak.operations_per_step) * used / best * 1e-9;
}

}  // namespace fusor::cpu
