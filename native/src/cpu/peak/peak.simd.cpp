// Independent chains of multiply-adds: two FMA units of 4 cycles latency need 8 of them to be busy; 12 leave
// some to spare (older processors take 5 cycles) and fit into 16 registers with the two factors.
#include "cpu/peak/peak.h"

#include "cpu/simd/lanes.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr int kChains = 12;
constexpr int kUnrolled = 8;

void multiply_add_loop(int64_t steps, float* result) {
  // x = 0.5 x + 1 tends to 2: no denormals, no overflow. `result` is read so that the compiler cannot know
  // the factors.
  const Vec factor = broadcast(0.5f + *result * 0.f), summand = broadcast(1.f + *result * 0.f);
  Vec chains[kChains];
  for (int i = 0; i < kChains; ++i) chains[i] = broadcast(static_cast<float>(i));
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 8
    for (int k = 0; k < kUnrolled; ++k) {
#pragma GCC unroll 12
      for (int i = 0; i < kChains; ++i) chains[i] = multiply_add(chains[i], factor, summand);
    }
  }
  Vec sum = zero();
  for (int i = 0; i < kChains; ++i) sum += chains[i];
  *result = sum_of_lanes(sum);
}

}  // namespace

extern const PeakKernels peak_kernels;
const PeakKernels peak_kernels = {multiply_add_loop, int64_t{2} * kChains* kUnrolled* kLanes};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
