// Arithmetic, comparison and logic on two operands. Nearly everything here is bound by memory (two reads, one
// write), so plain loops, of which the compiler makes vectors, are enough; powers and remainders are written
// out.
#include "cpu/binary/binary.h"

#include "cpu/simd/math.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

// The unsigned type of a width: integers wrap around without undefined behaviour.
template <class T>
struct Wrapping;
template <>
struct Wrapping<uint8_t> {
  using Type = uint8_t;
};
template <>
struct Wrapping<int32_t> {
  using Type = uint32_t;
};
template <>
struct Wrapping<int64_t> {
  using Type = uint64_t;
};

template <class T>
constexpr bool kIsFloat = false;
template <>
constexpr bool kIsFloat<float> = true;

struct Add {
  template <class T>
  static FUSOR_INLINE T of(T a, T b) {
    if constexpr (kIsFloat<T>) {
      return a + b;
    } else {
      using U = typename Wrapping<T>::Type;
      return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
    }
  }
};
struct Subtract {
  template <class T>
  static FUSOR_INLINE T of(T a, T b) {
    if constexpr (kIsFloat<T>) {
      return a - b;
    } else {
      using U = typename Wrapping<T>::Type;
      return static_cast<T>(static_cast<U>(a) - static_cast<U>(b));
    }
  }
};
struct Multiply {
  template <class T>
  static FUSOR_INLINE T of(T a, T b) {
    if constexpr (kIsFloat<T>) {
      return a * b;
    } else {
      using U = typename Wrapping<T>::Type;
      return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
    }
  }
};
struct Divide {
  static FUSOR_INLINE float of(float a, float b) { return a / b; }
};

// Integers: rounds down; by zero gives 0, and the least number by -1 wraps around.
struct FloorDivide {
  template <class T>
  static FUSOR_INLINE T of(T a, T b) {
    if (b == 0) return 0;
    if (static_cast<T>(b + 1) == 0 && T(-1) < T(0)) return Subtract::of(T{0}, a);
    const T quotient = static_cast<T>(a / b);
    return a % b != 0 && (a < 0) != (b < 0) ? static_cast<T>(quotient - 1) : quotient;
  }
};
struct Remainder {
  template <class T>
  static FUSOR_INLINE T of(T a, T b) {
    if (b == 0 || (static_cast<T>(b + 1) == 0 && T(-1) < T(0))) return 0;
    const T rest = static_cast<T>(a % b);
    return rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
  }
};
// Integers to negative powers are truncated: 0, but for bases 1 and -1.
struct Power {
  template <class T>
  static FUSOR_INLINE T of(T a, T b) {
    if (b < 0) return a == 1 ? T{1} : static_cast<T>(a + 1) == 0 ? static_cast<T>(b % 2 != 0 ? -1 : 1) : T{0};
    T result = 1;
    for (; b > 0; b = static_cast<T>(b >> 1)) {
      if (b & 1) result = Multiply::of(result, a);
      a = Multiply::of(a, a);
    }
    return result;
  }
};

// NaN if either is.
struct Maximum {
  template <class T>
  static FUSOR_INLINE T of(T a, T b) {
    const T greater = a > b ? a : b;  // b where one is NaN
    return a != a ? a : greater;
  }
};
struct Minimum {
  template <class T>
  static FUSOR_INLINE T of(T a, T b) {
    const T less = a < b ? a : b;
    return a != a ? a : less;
  }
};

struct Equal {
  template <class T>
  static FUSOR_INLINE uint8_t of(T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  template <class T>
  static FUSOR_INLINE uint8_t of(T a, T b) {
    return a != b;
  }
};
struct Less {
  template <class T>
  static FUSOR_INLINE uint8_t of(T a, T b) {
    return a < b;
  }
};
struct LessEqual {
  template <class T>
  static FUSOR_INLINE uint8_t of(T a, T b) {
    return a <= b;
  }
};
struct Greater {
  template <class T>
  static FUSOR_INLINE uint8_t of(T a, T b) {
    return a > b;
  }
};
struct GreaterEqual {
  template <class T>
  static FUSOR_INLINE uint8_t of(T a, T b) {
    return a >= b;
  }
};
struct And {
  template <class T>
  static FUSOR_INLINE uint8_t of(T a, T b) {
    return (a != T{0}) & (b != T{0});
  }
};
struct Or {
  template <class T>
  static FUSOR_INLINE uint8_t of(T a, T b) {
    return (a != T{0}) | (b != T{0});
  }
};

template <class F, class T, int kForm>
void plain_loop(const void* first, const void* second, void* result, int64_t count) {
  using Result = decltype(F::of(T{}, T{}));
  const T* __restrict a = static_cast<const T*>(first);
  const T* __restrict b = static_cast<const T*>(second);
  Result* __restrict y = static_cast<Result*>(result);
  const T one = kForm == BinaryKernels::FirstIsOne ? a[0] : b[0];
  for (int64_t i = 0; i < count; ++i) {
    y[i] = F::of(kForm == BinaryKernels::FirstIsOne ? one : a[i],
                 kForm == BinaryKernels::SecondIsOne ? one : b[i]);
  }
}

// ---- f32: powers and remainders

template <int kForm>
void power_loop(const void* first, const void* second, void* result, int64_t count) {
  const float* a = static_cast<const float*>(first);
  const float* b = static_cast<const float*>(second);
  float* y = static_cast<float*>(result);
  if (kForm == BinaryKernels::SecondIsOne && *b == 2.f) {
    for (int64_t i = 0; i < count; ++i) y[i] = a[i] * a[i];
    return;
  }
  const Vec one_a = broadcast(*a), one_b = broadcast(*b);
  const auto apply = [&](int64_t i, auto get) {
    return power(kForm == BinaryKernels::FirstIsOne ? one_a : get(a + i),
                 kForm == BinaryKernels::SecondIsOne ? one_b : get(b + i));
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, apply(i, [](const float* p) { return load(p); }));
  const int rest = static_cast<int>(count - i);
  if (rest > 0)
    store_partial(y + i, apply(i, [rest](const float* p) { return load_partial(p, rest); }), rest);
}

// What is left of a by b with the sign of a, exactly, as C's fmod. In double precision q = a / b truncates
// right, and a - q b is exact, while |q| < 2^29 (24 bits of b and 29 of q fit into 53); `is_right` says
// whether that held.
FUSOR_INLINE double truncated_rest(float a, float b, bool& is_right) {
  const double quotient = __builtin_trunc(static_cast<double>(a) / static_cast<double>(b));
  is_right = __builtin_fabs(quotient) < 536870912.0 && __builtin_fabsf(b) < kInfinity;
  return static_cast<double>(a) - quotient * static_cast<double>(b);
}

// https://docs.python.org/3/reference/expressions.html#binary-arithmetic-operations: a = b floor(a / b) +
// rest, the rest with the sign of b.
FUSOR_INLINE float python_rest(float a, float b, float rest) {
  rest = __builtin_copysignf(rest, a);  // a zero keeps the sign of a
  return rest != 0.f && (b < 0.f) != (rest < 0.f) ? rest + b : rest;
}
FUSOR_INLINE float python_quotient(float a, float b, double rest) {
  if (b == 0.f) return a / b;
  double quotient = (static_cast<double>(a) - rest) / static_cast<double>(b);
  if (rest != 0.0 && (b < 0.f) != (rest < 0.0)) quotient -= 1.0;
  // Already whole up to rounding.
  quotient = __builtin_floor(quotient + 0.5);
  return quotient != 0.0 ? static_cast<float>(quotient) : __builtin_copysignf(0.f, a / b);
}

struct FloatRemainder {
  static FUSOR_INLINE float of(float a, float b, double rest) {
    return python_rest(a, b, static_cast<float>(rest));
  }
};
struct FloatFloorDivide {
  static FUSOR_INLINE float of(float a, float b, double rest) { return python_quotient(a, b, rest); }
};

// In blocks: all rests, of which the compiler makes vectors, then the few that C's fmod must do.
template <class F, int kForm>
void rest_loop(const void* first, const void* second, void* result, int64_t count) {
  constexpr int64_t kBlock = 128;
  const float* a = static_cast<const float*>(first);
  const float* b = static_cast<const float*>(second);
  float* y = static_cast<float*>(result);
  const auto a_at = [a](int64_t i) { return a[kForm == BinaryKernels::FirstIsOne ? 0 : i]; };
  const auto b_at = [b](int64_t i) { return b[kForm == BinaryKernels::SecondIsOne ? 0 : i]; };
  double rests[kBlock];
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = count - begin < kBlock ? count - begin : kBlock;
    int wrong = 0;
    for (int64_t i = 0; i < size; ++i) {
      bool is_right;
      rests[i] = truncated_rest(a_at(begin + i), b_at(begin + i), is_right);
      wrong |= !is_right;
    }
    for (int64_t i = 0; wrong && i < size; ++i) {
      bool is_right;
      truncated_rest(a_at(begin + i), b_at(begin + i), is_right);
      if (!is_right) rests[i] = static_cast<double>(__builtin_fmodf(a_at(begin + i), b_at(begin + i)));
    }
    for (int64_t i = 0; i < size; ++i) y[begin + i] = F::of(a_at(begin + i), b_at(begin + i), rests[i]);
  }
}

// ---- the table

template <class F, class T>
constexpr void set(BinaryKernels::Functions& functions, fusor_binary_function function) {
  functions[function][BinaryKernels::Both] = plain_loop<F, T, BinaryKernels::Both>;
  functions[function][BinaryKernels::FirstIsOne] = plain_loop<F, T, BinaryKernels::FirstIsOne>;
  functions[function][BinaryKernels::SecondIsOne] = plain_loop<F, T, BinaryKernels::SecondIsOne>;
}
template <class F>
constexpr void set_rest(BinaryKernels::Functions& functions, fusor_binary_function function) {
  functions[function][BinaryKernels::Both] = rest_loop<F, BinaryKernels::Both>;
  functions[function][BinaryKernels::FirstIsOne] = rest_loop<F, BinaryKernels::FirstIsOne>;
  functions[function][BinaryKernels::SecondIsOne] = rest_loop<F, BinaryKernels::SecondIsOne>;
}

template <class T>
constexpr void set_common(BinaryKernels::Functions& functions) {
  set<Add, T>(functions, FUSOR_BINARY_ADD);
  set<Subtract, T>(functions, FUSOR_BINARY_SUB);
  set<Multiply, T>(functions, FUSOR_BINARY_MUL);
  set<Maximum, T>(functions, FUSOR_BINARY_MAXIMUM);
  set<Minimum, T>(functions, FUSOR_BINARY_MINIMUM);
  set<Equal, T>(functions, FUSOR_BINARY_EQ);
  set<NotEqual, T>(functions, FUSOR_BINARY_NE);
  set<Less, T>(functions, FUSOR_BINARY_LT);
  set<LessEqual, T>(functions, FUSOR_BINARY_LE);
  set<Greater, T>(functions, FUSOR_BINARY_GT);
  set<GreaterEqual, T>(functions, FUSOR_BINARY_GE);
  set<And, T>(functions, FUSOR_BINARY_LOGICAL_AND);
  set<Or, T>(functions, FUSOR_BINARY_LOGICAL_OR);
}
template <class T>
constexpr void set_integers(BinaryKernels::Functions& functions) {
  set_common<T>(functions);
  set<FloorDivide, T>(functions, FUSOR_BINARY_FLOOR_DIV);
  set<Remainder, T>(functions, FUSOR_BINARY_REMAINDER);
  set<Power, T>(functions, FUSOR_BINARY_POW);
}

constexpr BinaryKernels make_table() {
  BinaryKernels table{};
  set_common<float>(table.f32);
  set<Divide, float>(table.f32, FUSOR_BINARY_DIV);
  set_rest<FloatFloorDivide>(table.f32, FUSOR_BINARY_FLOOR_DIV);
  set_rest<FloatRemainder>(table.f32, FUSOR_BINARY_REMAINDER);
  table.f32[FUSOR_BINARY_POW][BinaryKernels::Both] = power_loop<BinaryKernels::Both>;
  table.f32[FUSOR_BINARY_POW][BinaryKernels::FirstIsOne] = power_loop<BinaryKernels::FirstIsOne>;
  table.f32[FUSOR_BINARY_POW][BinaryKernels::SecondIsOne] = power_loop<BinaryKernels::SecondIsOne>;
  set_integers<int32_t>(table.i32);
  set_integers<int64_t>(table.i64);
  set_integers<uint8_t>(table.u8);
  return table;
}

}  // namespace

extern const BinaryKernels binary_kernels;
constexpr BinaryKernels binary_kernels = make_table();

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
