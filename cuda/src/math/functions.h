// Elementary and activation functions in float. NaN in gives NaN out.
#pragma once

#include <cmath>

#include "arch/platform.h"
#include "fusor/ops.h"

namespace fusor::cuda {

FUSOR_DEVICE float relu(float x) {
  return x < 0.f ? 0.f : x;
}

FUSOR_DEVICE float clamp(float x, float low, float high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

/** NaN if either is, as PyTorch's maximum. */
FUSOR_DEVICE float maximum(float a, float b) {
#if defined(__CUDACC__)
  float result;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
  return result;
#else
  return a > b || a != a ? a : b;
#endif
}

// Accurate in the lower tail too: e^-|x| never overflows.
FUSOR_DEVICE float sigmoid(float x) {
  const float e = expf(-fabsf(x));
  return (x < 0.f ? e : 1.f) / (1.f + e);
}

// x Phi(x), Phi(x) = erfc(-x / sqrt 2) / 2: https://pytorch.org/docs/stable/generated/torch.nn.GELU.html
FUSOR_DEVICE float gelu(float x) {
  return x * (0.5f * erfcf(x * -0.70710678118654752f));
}

FUSOR_DEVICE float gelu_tanh(float x) {
  const float inner = x * (0.79788456080286536f + 0.79788456080286536f * 0.044715f * x * x);
  return 0.5f * x * (1.f + tanhf(inner));
}

FUSOR_DEVICE float silu(float x) {
  return x * sigmoid(x);
}

// log(1 + exp(beta x)) / beta, x itself where beta x > threshold; log(1 + e^s) = max(s, 0) + log(1 + e^-|s|)
// does not overflow.
FUSOR_DEVICE float softplus(float x, float beta, float threshold) {
  const float scaled = x * beta;
  const float soft = (relu(scaled) + log1pf(expf(-fabsf(scaled)))) / beta;
  return scaled > threshold ? x : soft;
}

FUSOR_DEVICE float elu(float x, float alpha) {
  return x > 0.f ? x : alpha * expm1f(x);
}

FUSOR_DEVICE float sign(float x) {
  return x > 0.f ? 1.f : x < 0.f ? -1.f : x == 0.f ? 0.f : x;
}

FUSOR_DEVICE float hard_sigmoid(float x) {
  return clamp(x * (1.f / 6.f) + 0.5f, 0.f, 1.f);
}

/** The epilogue's activation on V values. The kind is the same for a whole launch: one uniform branch. */
template <int V>
FUSOR_DEVICE void activate(float (&x)[V], const fusor_activation& activation) {
  const auto each = [&](auto&& f) {
#pragma unroll
    for (int i = 0; i < V; ++i) x[i] = f(x[i]);
  };
  switch (activation.kind) {
    case FUSOR_ACTIVATION_RELU:
      return each([](float v) { return relu(v); });
    case FUSOR_ACTIVATION_GELU:
      return each([](float v) { return gelu(v); });
    case FUSOR_ACTIVATION_GELU_TANH:
      return each([](float v) { return gelu_tanh(v); });
    case FUSOR_ACTIVATION_SILU:
      return each([](float v) { return silu(v); });
    case FUSOR_ACTIVATION_CLAMP:
      return each([&](float v) { return clamp(v, activation.low, activation.high); });
    default:
      return;
  }
}

}  // namespace fusor::cuda
