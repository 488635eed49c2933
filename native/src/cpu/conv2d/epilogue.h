// The end of every convolution kernel: bias is in the sums already (or added by the caller), residual,
// activation, zero past k, and the only store. Include from *.simd.cpp only.
#pragma once

#include "cpu/conv2d/kernels.h"
#include "cpu/simd/activation.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

// Register tiles and the channels of a vector are unrolled whole. Emulated vectors would spill: there the
// loops stay, which keeps the code small.
#if FUSOR_SIMD_BYTES == 64 && !defined(__AVX512F__)
constexpr int kUnrollTile = 1, kUnrollLanes = 1;
#else
constexpr int kUnrollTile = 16, kUnrollLanes = 16;
#endif

FUSOR_INLINE Vec masked(Vec x, const int32_t* mask) {
  return reinterpret_cast<Vec>(reinterpret_cast<IntVec>(x) & *reinterpret_cast<const UnalignedIntVec*>(mask));
}

// No activation, ReLU and clamp are all min(max(x, low), high): two instructions and no branch.
struct Range {
  float low, high;
  bool enough;  // false: the activation needs apply_activation
};
FUSOR_INLINE Range activation_range(const fusor_activation& activation) {
  const float infinity = __builtin_inff();
  switch (activation.kind) {
    case FUSOR_ACTIVATION_NONE:
      return {-infinity, infinity, true};
    case FUSOR_ACTIVATION_RELU:
      return {0.f, infinity, true};
    case FUSOR_ACTIVATION_CLAMP:
      return {activation.low, activation.high, true};
    default:
      return {-infinity, infinity, false};
  }
}
FUSOR_INLINE Vec clamped(Vec x, Vec low, Vec high) {
  return minimum(high, maximum(low, x));
}

// The others, out of line: `count` vectors that were just stored at `step` from each other.
__attribute__((noinline, unused)) void apply_activation(float* vectors, int64_t step, int count,
                                                        const fusor_activation& activation,
                                                        const int32_t* mask) {
  for (int i = 0; i < count; ++i) {
    float* p = vectors + i * step;
    store(p, masked(activate(load(p), activation), mask));
  }
}

}  // namespace
}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
