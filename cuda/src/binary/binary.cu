// Two reads and one write per element, at the bandwidth of a copy; a broadcast operand comes from the caches.
// Powers, quotients rounded down and remainders take more instructions than that leaves time for: they go one
// element at a time, in kernels of their own.
#include "binary/binary.h"

#include "elementwise/elementwise.h"
#include "geometry/dispatch.h"
#include "geometry/layout.h"

namespace fusor::cuda {
namespace {

// ---- floats

// https://docs.python.org/3/reference/expressions.html#binary-arithmetic-operations: a = b floor(a / b) +
// rest, the rest with the sign of b.
FUSOR_DEVICE float python_remainder(float a, float b) {
  const float rest = copysignf(fmodf(a, b), a);  // a zero keeps the sign of a
  return rest != 0.f && (b < 0.f) != (rest < 0.f) ? rest + b : rest;
}
FUSOR_DEVICE float python_quotient(float a, float b) {
  if (b == 0.f) return a / b;
  const auto rest = static_cast<double>(fmodf(a, b));
  double quotient = (static_cast<double>(a) - rest) / static_cast<double>(b);
  if (rest != 0.0 && (b < 0.f) != (rest < 0.0)) quotient -= 1.0;
  quotient = floor(quotient + 0.5);  // whole already, up to rounding
  return quotient != 0.0 ? static_cast<float>(quotient) : copysignf(0.f, a / b);
}

// ---- integers: they wrap around

template <class T>
FUSOR_DEVICE bool is_negative(T v) {
  if constexpr (std::is_signed_v<T>) return v < T{0};
  return false;
}

template <class T>
FUSOR_DEVICE T multiply(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
template <class T>
FUSOR_DEVICE bool is_minus_one(T b) {
  return std::is_signed_v<T> && b == T(-1);
}
// Rounds down; by zero gives 0, and the least number by -1 wraps around.
template <class T>
FUSOR_DEVICE T floor_divide(T a, T b) {
  if (b == 0) return 0;
  if (is_minus_one(b)) return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(a));
  const T quotient = static_cast<T>(a / b);
  return a % b != 0 && is_negative(a) != is_negative(b) ? static_cast<T>(quotient - 1) : quotient;
}
template <class T>
FUSOR_DEVICE T remainder_of(T a, T b) {
  if (b == 0 || is_minus_one(b)) return 0;
  const T rest = static_cast<T>(a % b);
  return rest != 0 && is_negative(rest) != is_negative(b) ? static_cast<T>(rest + b) : rest;
}
// Negative powers are truncated: 0, but for bases 1 and -1.
template <class T>
FUSOR_DEVICE T power(T a, T b) {
  if (is_negative(b)) return a == 1 ? T{1} : is_minus_one(a) ? static_cast<T>(b % 2 != 0 ? -1 : 1) : T{0};
  T result = 1;
  for (; b > 0; b = static_cast<T>(b >> 1)) {
    if (b & 1) result = multiply(result, a);
    a = multiply(a, a);
  }
  return result;
}

// ---- all of them on V pairs. The function is the same for a whole launch: one uniform branch.

template <int V, class T, class Out, class F>
FUSOR_DEVICE void each(const T (&a)[V], const T (&b)[V], Out (&y)[V], F&& f) {
#pragma unroll
  for (int i = 0; i < V; ++i) y[i] = static_cast<Out>(f(a[i], b[i]));
}

// Sums, differences and products of integers as unsigned numbers, so that they wrap.
template <class T>
using Wrapping = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;

template <int V, class T>
FUSOR_DEVICE void arithmetic(int32_t function, const T (&a)[V], const T (&b)[V], T (&y)[V]) {
  using U = Wrapping<T>;
  constexpr bool kIsInteger = std::is_integral_v<T>;
  switch (function) {
    case FUSOR_BINARY_ADD:
      return each(a, b, y, [](T p, T q) { return static_cast<U>(p) + static_cast<U>(q); });
    case FUSOR_BINARY_SUB:
      return each(a, b, y, [](T p, T q) { return static_cast<U>(p) - static_cast<U>(q); });
    case FUSOR_BINARY_MUL:
      return each(a, b, y, [](T p, T q) { return static_cast<U>(p) * static_cast<U>(q); });
    case FUSOR_BINARY_DIV:
      return each(a, b, y, [](T p, T q) { return kIsInteger ? T{0} : p / q; });  // integers: refused before
    case FUSOR_BINARY_MAXIMUM:                                                   // NaN if either is
      return each(a, b, y, [](T p, T q) { return p != p || p > q ? p : q; });
    default:  // FUSOR_BINARY_MINIMUM
      return each(a, b, y, [](T p, T q) { return p != p || p < q ? p : q; });
  }
}

bool is_slow(int32_t function) {
  return function == FUSOR_BINARY_FLOOR_DIV || function == FUSOR_BINARY_REMAINDER ||
         function == FUSOR_BINARY_POW;
}

template <int V, class T>
FUSOR_DEVICE void slow_arithmetic(int32_t function, const T (&a)[V], const T (&b)[V], T (&y)[V]) {
  constexpr bool kIsInteger = std::is_integral_v<T>;
  switch (function) {
    case FUSOR_BINARY_FLOOR_DIV:
      return each(a, b, y, [](T p, T q) {
        if constexpr (kIsInteger)
          return floor_divide(p, q);
        else
          return python_quotient(p, q);
      });
    case FUSOR_BINARY_REMAINDER:
      return each(a, b, y, [](T p, T q) {
        if constexpr (kIsInteger)
          return remainder_of(p, q);
        else
          return python_remainder(p, q);
      });
    default:  // FUSOR_BINARY_POW
      return each(a, b, y, [](T p, T q) {
        if constexpr (kIsInteger)
          return power(p, q);
        else
          return powf(p, q);
      });
  }
}

template <int V, class T>
FUSOR_DEVICE void compare(int32_t function, const T (&a)[V], const T (&b)[V], uint8_t (&y)[V]) {
  switch (function) {
    case FUSOR_BINARY_EQ:
      return each(a, b, y, [](T p, T q) { return p == q; });
    case FUSOR_BINARY_NE:
      return each(a, b, y, [](T p, T q) { return p != q; });
    case FUSOR_BINARY_LT:
      return each(a, b, y, [](T p, T q) { return p < q; });
    case FUSOR_BINARY_LE:
      return each(a, b, y, [](T p, T q) { return p <= q; });
    case FUSOR_BINARY_GT:
      return each(a, b, y, [](T p, T q) { return p > q; });
    case FUSOR_BINARY_GE:
      return each(a, b, y, [](T p, T q) { return p >= q; });
    case FUSOR_BINARY_LOGICAL_AND:
      return each(a, b, y, [](T p, T q) { return p != T{0} && q != T{0}; });
    default:  // FUSOR_BINARY_LOGICAL_OR
      return each(a, b, y, [](T p, T q) { return p != T{0} || q != T{0}; });
  }
}

// What T is computed in.
template <class T>
using Computed = std::conditional_t<std::is_integral_v<T>, T, float>;

template <class T>
FUSOR_DEVICE Computed<T> widened(T x) {
  if constexpr (std::is_integral_v<T>)
    return x;
  else
    return to_float(x);
}
template <class T>
FUSOR_DEVICE T narrowed(Computed<T> x) {
  if constexpr (std::is_integral_v<T>)
    return x;
  else
    return from_float<T>(x);
}

enum class Kind { Arithmetic, Slow, Comparison };

template <class T, Kind kKind>
struct Pair {
  using Out = std::conditional_t<kKind == Kind::Comparison, uint8_t, T>;
  static constexpr int kInputs = 2;
  template <int V>
  struct Loaded {
    T a[V], b[V];
  };
  const T *a, *b;
  Out* y;
  int32_t function;

  template <int V>
  FUSOR_DEVICE void read(Loaded<V>& l, const int64_t (&offset)[3], unsigned repeats, int count) const {
    load_values<V>(l.a, a + offset[1], repeats & 1, count);
    load_values<V>(l.b, b + offset[2], repeats & 2, count);
  }
  template <int V>
  FUSOR_DEVICE void write(const Loaded<V>& l, int64_t target, int count) const {
    Computed<T> p[V], q[V];
#pragma unroll
    for (int i = 0; i < V; ++i) {
      p[i] = i < count ? widened(l.a[i]) : Computed<T>(1);
      q[i] = i < count ? widened(l.b[i]) : Computed<T>(1);
    }
    Out result[V];
    if constexpr (kKind == Kind::Comparison) {
      compare(function, p, q, result);
    } else {
      Computed<T> computed[V];
      if constexpr (kKind == Kind::Slow) {
        slow_arithmetic(function, p, q, computed);
      } else {
        arithmetic(function, p, q, computed);
      }
#pragma unroll
      for (int i = 0; i < V; ++i) result[i] = narrowed<T>(computed[i]);
    }
    store_values<V>(y + target, result, count);
  }
};

Status prepare(const fusor_op_call& call) {
  const int32_t function = static_cast<const fusor_binary_attributes*>(call.attributes)->function;
  if (function == FUSOR_BINARY_DIV && !is_float(call.inputs[0]->dtype))
    return {FUSOR_ERROR_DTYPE, "integers have no true division; convert to a float first"};
  fusor_buffer& output = *call.outputs[0];
  if (!take_layout(output, *call.inputs[0])) take_layout(output, *call.inputs[1]);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const int32_t function = static_cast<const fusor_binary_attributes*>(call.attributes)->function;
  const fusor_buffer &a = *call.inputs[0], &b = *call.inputs[1], &y = *call.outputs[0];
  const Elementwise<2> loop(y, {&a, &b});
  return by_dtype(a.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    constexpr int kWidth = 16 / sizeof(T);
    const T *const p = data_of<const T>(a), *const q = data_of<const T>(b);
    if (function >= FUSOR_BINARY_EQ) {
      return loop.run<kWidth>(context.stream, Pair<T, Kind::Comparison>{p, q, data_of<uint8_t>(y), function});
    }
    if (is_slow(function))
      return loop.run<1>(context.stream, Pair<T, Kind::Slow>{p, q, data_of<T>(y), function});
    return loop.run<kWidth>(context.stream, Pair<T, Kind::Arithmetic>{p, q, data_of<T>(y), function});
  });
}

}  // namespace

const OpEntry kBinary{FUSOR_OP_BINARY, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
