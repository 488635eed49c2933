// One read and one write per element; all but the transcendental functions are bound by memory.
// Formulas: https://pytorch.org/docs/stable/nn.functional.html#non-linear-activation-functions
#include "cpu/unary/unary.h"

#include "cpu/simd/activation.h"
#include "cpu/simd/lanes.h"
#include "cpu/simd/math.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

template <class Function>
FUSOR_INLINE void map(const float* x, float* y, int64_t count, const Function& function) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, function(load(x + i)));
  if (i < count) {
    const int rest = static_cast<int>(count - i);
    store_partial(y + i, function(load_partial(x + i, rest)), rest);
  }
}

FUSOR_INLINE Vec clamp(Vec x, float low, float high) {
  return minimum(broadcast(high), maximum(broadcast(low), x));
}

FUSOR_INLINE Vec hard_sigmoid(Vec x) {
  return clamp(x * broadcast(1.f / 6.f) + broadcast(0.5f), 0.f, 1.f);
}

// log(1 + exp(beta x)) / beta, x itself where beta x > threshold.
FUSOR_INLINE Vec softplus(Vec x, float beta, float threshold) {
  const Vec scaled = x * broadcast(beta);
  // log(1 + e^s) = max(s, 0) + log(1 + e^-|s|) does not overflow.
  const Vec soft =
      (maximum(zero(), scaled) + logarithm_of_one_plus(exponential(-absolute(scaled)))) / broadcast(beta);
  return select(scaled > broadcast(threshold), x, soft);
}

FUSOR_INLINE Vec elu(Vec x, float alpha) {
  return select(x > zero(), x, broadcast(alpha) * exponential_minus_one(minimum(zero(), x)));
}

FUSOR_INLINE Vec sign(Vec x) {
  const Vec positive = select(x > zero(), broadcast(1.f), zero());
  return select(x < zero(), broadcast(-1.f), select(x == x, positive, x));
}

void apply(int32_t function, float alpha, float beta, const float* x, float* y, int64_t count) {
  const auto each = [&](const auto& f) { map(x, y, count, f); };
  switch (function) {
    case FUSOR_UNARY_RELU:
      return each([](Vec v) { return relu(v); });
    case FUSOR_UNARY_GELU:
      return each([](Vec v) { return gelu(v); });
    case FUSOR_UNARY_GELU_TANH:
      return each([](Vec v) { return gelu_tanh(v); });
    case FUSOR_UNARY_SILU:
      return each([](Vec v) { return silu(v); });
    case FUSOR_UNARY_SIGMOID:
      return each([](Vec v) { return sigmoid(v); });
    case FUSOR_UNARY_TANH:
      return each([](Vec v) { return hyperbolic_tangent(v); });
    case FUSOR_UNARY_ERF:
      return each([](Vec v) { return error_function(v); });
    case FUSOR_UNARY_EXP:
      return each([](Vec v) { return exponential(v); });
    case FUSOR_UNARY_LOG:
      return each([](Vec v) { return logarithm(v); });
    case FUSOR_UNARY_SQRT:
      return each([](Vec v) { return square_root(v); });
    case FUSOR_UNARY_RSQRT:
      return each([](Vec v) { return broadcast(1.f) / square_root(v); });
    case FUSOR_UNARY_RECIPROCAL:
      return each([](Vec v) { return broadcast(1.f) / v; });
    case FUSOR_UNARY_ABS:
      return each([](Vec v) { return absolute(v); });
    case FUSOR_UNARY_NEG:
      return each([](Vec v) { return -v; });
    case FUSOR_UNARY_SQUARE:
      return each([](Vec v) { return v * v; });
    case FUSOR_UNARY_SIGN:
      return each([](Vec v) { return sign(v); });
    case FUSOR_UNARY_FLOOR:
      return each([](Vec v) { return round_down(v); });
    case FUSOR_UNARY_CEIL:
      return each([](Vec v) { return round_up(v); });
    case FUSOR_UNARY_ROUND:
      return each([](Vec v) { return round_even(v); });
    case FUSOR_UNARY_SIN:
      return each([](Vec v) { return sine(v); });
    case FUSOR_UNARY_COS:
      return each([](Vec v) { return cosine(v); });
    case FUSOR_UNARY_CLAMP:
      return each([=](Vec v) { return clamp(v, alpha, beta); });
    case FUSOR_UNARY_LEAKY_RELU:
      return each([=](Vec v) { return select(v > zero(), v, v * broadcast(alpha)); });
    case FUSOR_UNARY_ELU:
      return each([=](Vec v) { return elu(v, alpha); });
    case FUSOR_UNARY_SELU:  // the fixed point of Klambauer et al. 2017
      return each([](Vec v) { return broadcast(1.0507009873554805f) * elu(v, 1.6732632423543772f); });
    case FUSOR_UNARY_SOFTPLUS:
      return each([=](Vec v) { return softplus(v, alpha, beta); });
    case FUSOR_UNARY_MISH:
      return each([](Vec v) { return v * hyperbolic_tangent(softplus(v, 1.f, 20.f)); });
    case FUSOR_UNARY_HARD_SIGMOID:
      return each([](Vec v) { return hard_sigmoid(v); });
    default:  // FUSOR_UNARY_HARD_SWISH
      return each([](Vec v) { return v * hard_sigmoid(v); });
  }
}

}  // namespace

extern const UnaryKernels unary_kernels;
const UnaryKernels unary_kernels{apply};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
