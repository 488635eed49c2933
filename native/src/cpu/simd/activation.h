// The epilogues' activations on vectors, shared by convolution, linear, batch-norm and residual-add.
// Include from *.simd.cpp only. math.h gives normal_distribution, hyperbolic_tangent and sigmoid.
#pragma once

#include "cpu/simd/math.h"
#include "cpu/simd/normal_table.h"
#include "cpu/simd/vector.h"
#include "fusor/ops.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

FUSOR_INLINE Vec relu(Vec x) {
  return maximum(zero(), x);
}

// x Phi(x), Phi the normal distribution function:
// https://pytorch.org/docs/stable/generated/torch.nn.GELU.html
//
// By the table it is relu(x) - |x| Phi(-|x|). Which of the two an element gets depends on the element alone.
FUSOR_INLINE Vec gelu(Vec x) {
  if constexpr (kHasNormalTable) {
    const Vec a = absolute(x);
    const Vec result = relu(x) - a * upper_tail_by_table(a);
    const IntVec is_inside = a < broadcast(kNormalEnd);
    if (__builtin_expect(!any(~is_inside), 1)) return result;
    return select(is_inside, result, x * normal_distribution(x));
  }
  return x * normal_distribution(x);
}

FUSOR_INLINE Vec gelu_tanh(Vec x) {
  const Vec inner =
      x * (broadcast(0.79788456080286536f) + broadcast(0.79788456080286536f * 0.044715f) * x * x);
  return broadcast(0.5f) * x * (broadcast(1.f) + hyperbolic_tangent(inner));
}

FUSOR_INLINE Vec silu(Vec x) {
  return x * sigmoid(x);
}

// The kind is the same for a whole call, so its branch is predicted.
FUSOR_INLINE Vec activate(Vec x, const fusor_activation& activation) {
  switch (activation.kind) {
    case FUSOR_ACTIVATION_RELU:
      return relu(x);
    case FUSOR_ACTIVATION_GELU:
      return gelu(x);
    case FUSOR_ACTIVATION_GELU_TANH:
      return gelu_tanh(x);
    case FUSOR_ACTIVATION_SILU:
      return silu(x);
    case FUSOR_ACTIVATION_CLAMP:
      return minimum(broadcast(activation.high), maximum(broadcast(activation.low), x));
    default:
      return x;
  }
}

}  // namespace
}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
