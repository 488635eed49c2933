// One read and one write per element: 4 bytes in 16-bit floats, which leaves 26 instructions a multiprocessor
// for each at 4 TB/s. The function is the same for a whole launch: the branch on it is uniform, and one
// kernel per element type holds them all. Formulas:
// https://pytorch.org/docs/stable/nn.functional.html#non-linear-activation-functions
#include "unary/unary.h"

#include <limits>

#include "elementwise/elementwise.h"
#include "geometry/dispatch.h"
#include "geometry/layout.h"
#include "math/functions.h"
#include "unary/gelu.h"

namespace fusor::cuda {
namespace {

bool gives_truth(int32_t function) {
  return function == FUSOR_UNARY_LOGICAL_NOT || function == FUSOR_UNARY_IS_NAN;
}

bool takes_integers(int32_t function) {
  switch (function) {
    case FUSOR_UNARY_RELU:
    case FUSOR_UNARY_ABS:
    case FUSOR_UNARY_NEG:
    case FUSOR_UNARY_SQUARE:
    case FUSOR_UNARY_SIGN:
    case FUSOR_UNARY_FLOOR:
    case FUSOR_UNARY_CEIL:
    case FUSOR_UNARY_ROUND:
    case FUSOR_UNARY_CLAMP:
    case FUSOR_UNARY_LOGICAL_NOT:
      return true;
    default:
      return false;
  }
}

/** Of elements of T, as floats. */
template <class T, int V>
FUSOR_DEVICE void apply(int32_t function, float alpha, float beta, float (&x)[V]) {
  const auto each = [&](auto&& f) {
#pragma unroll
    for (int i = 0; i < V; ++i) x[i] = f(x[i]);
  };
  switch (function) {
    case FUSOR_UNARY_RELU:
      return each([](float v) { return relu(v); });
    case FUSOR_UNARY_GELU:
      return each([](float v) { return sizeof(T) == 2 ? gelu_in_16_bits(v) : gelu(v); });
    case FUSOR_UNARY_GELU_TANH:
      return each([](float v) { return gelu_tanh(v); });
    case FUSOR_UNARY_SILU:
      return each([](float v) { return silu(v); });
    case FUSOR_UNARY_SIGMOID:
      return each([](float v) { return sigmoid(v); });
    case FUSOR_UNARY_TANH:
      return each([](float v) { return tanhf(v); });
    case FUSOR_UNARY_ERF:
      return each([](float v) { return erff(v); });
    case FUSOR_UNARY_EXP:
      return each([](float v) { return expf(v); });
    case FUSOR_UNARY_LOG:
      return each([](float v) { return logf(v); });
    case FUSOR_UNARY_SQRT:
      return each([](float v) { return sqrtf(v); });
    case FUSOR_UNARY_RSQRT:
      return each([](float v) { return rsqrtf(v); });
    case FUSOR_UNARY_RECIPROCAL:
      return each([](float v) { return 1.f / v; });
    case FUSOR_UNARY_ABS:
      return each([](float v) { return fabsf(v); });
    case FUSOR_UNARY_NEG:
      return each([](float v) { return -v; });
    case FUSOR_UNARY_SQUARE:
      return each([](float v) { return v * v; });
    case FUSOR_UNARY_SIGN:
      return each([](float v) { return sign(v); });
    case FUSOR_UNARY_FLOOR:
      return each([](float v) { return floorf(v); });
    case FUSOR_UNARY_CEIL:
      return each([](float v) { return ceilf(v); });
    case FUSOR_UNARY_ROUND:
      return each([](float v) { return rintf(v); });
    case FUSOR_UNARY_SIN:
      return each([](float v) { return sinf(v); });
    case FUSOR_UNARY_COS:
      return each([](float v) { return cosf(v); });
    case FUSOR_UNARY_CLAMP:
      return each([&](float v) { return clamp(v, alpha, beta); });
    case FUSOR_UNARY_LEAKY_RELU:
      return each([&](float v) { return v > 0.f ? v : v * alpha; });
    case FUSOR_UNARY_ELU:
      return each([&](float v) { return elu(v, alpha); });
    case FUSOR_UNARY_SELU:  // the fixed point of Klambauer et al. 2017
      return each([](float v) { return 1.0507009873554805f * elu(v, 1.6732632423543772f); });
    case FUSOR_UNARY_SOFTPLUS:
      return each([&](float v) { return softplus(v, alpha, beta); });
    case FUSOR_UNARY_MISH:
      return each([](float v) { return v * tanhf(softplus(v, 1.f, 20.f)); });
    case FUSOR_UNARY_HARD_SIGMOID:
      return each([](float v) { return hard_sigmoid(v); });
    default:  // FUSOR_UNARY_HARD_SWISH
      return each([](float v) { return v * hard_sigmoid(v); });
  }
}

template <class T>
struct Function : OneInput<T> {
  template <int V>
  using Loaded = typename OneInput<T>::template Loaded<V>;
  T* y;
  int32_t function;
  float alpha, beta;

  template <int V>
  FUSOR_DEVICE void write(const Loaded<V>& l, int64_t target, int count) const {
    float v[V];
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = i < count ? to_float(l.x[i]) : 0.f;
    apply<T>(function, alpha, beta, v);
    T result[V];
#pragma unroll
    for (int i = 0; i < V; ++i) result[i] = from_float<T>(v[i]);
    store_values<V>(y + target, result, count);
  }
};

template <class T>
FUSOR_DEVICE bool is_negative(T v) {
  if constexpr (std::is_signed_v<T>) return v < T{0};
  return false;
}

// Wraps where the result does not fit.
template <class T>
struct IntegerFunction : OneInput<T> {
  template <int V>
  using Loaded = typename OneInput<T>::template Loaded<V>;
  T* y;
  int32_t function;
  T low, high;

  FUSOR_DEVICE T of(T v) const {
    const auto bits = static_cast<uint64_t>(v);
    switch (function) {
      case FUSOR_UNARY_RELU:
        return is_negative(v) ? T{0} : v;
      case FUSOR_UNARY_ABS:
        return is_negative(v) ? static_cast<T>(uint64_t{0} - bits) : v;
      case FUSOR_UNARY_NEG:
        return static_cast<T>(uint64_t{0} - bits);
      case FUSOR_UNARY_SQUARE:
        return static_cast<T>(bits * bits);
      case FUSOR_UNARY_SIGN:
        return static_cast<T>((v > T{0}) - is_negative(v));
      case FUSOR_UNARY_CLAMP: {
        const T raised = v < low ? low : v;
        return raised > high ? high : raised;
      }
      default:  // floor, ceil, round
        return v;
    }
  }
  template <int V>
  FUSOR_DEVICE void write(const Loaded<V>& l, int64_t target, int count) const {
    T result[V];
#pragma unroll
    for (int i = 0; i < V; ++i)
      if (i < count) result[i] = of(l.x[i]);
    store_values<V>(y + target, result, count);
  }
};

template <class T>
FUSOR_DEVICE uint8_t is_zero(T v) {
  if constexpr (sizeof(T) == 2)
    return to_float(v) == 0.f;
  else
    return v == T{0};
}
template <class T>
FUSOR_DEVICE uint8_t is_nan(T v) {
  if constexpr (std::is_integral_v<T>) {
    return 0;
  } else {
    const float f = to_float(v);
    return f != f;
  }
}

template <class T>
struct Truth : OneInput<T> {
  template <int V>
  using Loaded = typename OneInput<T>::template Loaded<V>;
  uint8_t* y;
  int32_t function;

  template <int V>
  FUSOR_DEVICE void write(const Loaded<V>& l, int64_t target, int count) const {
    uint8_t result[V];
#pragma unroll
    for (int i = 0; i < V; ++i)
      if (i < count) result[i] = function == FUSOR_UNARY_IS_NAN ? is_nan(l.x[i]) : is_zero(l.x[i]);
    store_values<V>(y + target, result, count);
  }
};

// `x`, which is not NaN, as the nearest T towards zero.
template <class T>
T saturated(float x) {
  if (x >= static_cast<float>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  if (x <= static_cast<float>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  return static_cast<T>(x);
}

Status prepare(const fusor_op_call& call) {
  const fusor_buffer& x = *call.inputs[0];
  const int32_t function = static_cast<const fusor_unary_attributes*>(call.attributes)->function;
  if (!is_float(x.dtype) && !takes_integers(function))
    return {FUSOR_ERROR_DTYPE, "this function takes floats; convert the input to one first"};
  take_layout(*call.outputs[0], x);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_unary_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  const Elementwise<1> loop(y, {&x});
  if (gives_truth(a.function)) {
    return by_dtype(x.dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      return loop.run<16 / sizeof(T)>(context.stream,
                                      Truth<T>{{data_of<const T>(x)}, data_of<uint8_t>(y), a.function});
    });
  }
  if (is_float(x.dtype)) {
    return by_float(x.dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      return loop.run<16 / sizeof(T)>(
          context.stream, Function<T>{{data_of<const T>(x)}, data_of<T>(y), a.function, a.alpha, a.beta});
    });
  }
  return by_integer(x.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    return loop.run<16 / sizeof(T)>(
        context.stream,
        IntegerFunction<T>{
            {data_of<const T>(x)}, data_of<T>(y), a.function, saturated<T>(a.alpha), saturated<T>(a.beta)});
  });
}

}  // namespace

const OpEntry kUnary{FUSOR_OP_UNARY, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
