// GELU of 16-bit elements. erfcf takes some 40 instructions and makes the op slower than memory; this is
// half.
#pragma once

#include "math/functions.h"

namespace fusor::cuda {

/** Within two units of the last place. */
FUSOR_DEVICE float approximate_reciprocal(float x) {
#if defined(__CUDACC__)
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#else
  return 1.f / x;
#endif
}

/** gelu() within 5e-6 of itself, enough for 16 bits: max(x, 0) - |x| Phi(-|x|),
 * where Phi(-u) = exp(-u^2 / 2) g(u) and g is a polynomial in 1 / (1 + 0.31 u) that was fitted to relative
 * errors from 0 to 14, past which bf16 has no numbers; the form is Abramowitz and Stegun's 26.2.17. */
FUSOR_DEVICE float gelu_in_16_bits(float x) {
  const float t = approximate_reciprocal(1.f + 0.31f * fabsf(x));
  float g = -0.0739355162f;
  g = g * t + 0.180467248f;
  g = g * t + 0.0157283135f;
  g = g * t + 0.133436799f;
  g = g * t + 0.120440058f;
  g = g * t + 0.123860754f;
  const float tail = exp2f(x * x * -0.72134752f) * (g * t);  // exp(-x^2 / 2)
  // Infinity times zero is NaN: right for -infinity, as PyTorch has it, wrong for +infinity.
  return relu(x) - (x < 30.f ? fabsf(x) : 30.f) * tail;
}

}  // namespace fusor::cuda
