// What a reduction does with elements: a state, how values enter it, how two states are joined, and what the
// result is. Joining is associative and commutative up to rounding; its order is fixed by the skeleton.
#pragma once

#include <cstdint>

#include "arch/warp.h"
#include "elementwise/values.h"
#include "math/convert.h"
#include "reduce/moments.h"

namespace fusor::cuda {

// ---- values
// -------------------------------------------------------------------------------------------------

/** Floats of a type known when compiling, in float. */
template <class T>
struct FloatSource {
  using Value = float;
  const T* x;
  template <int V>
  FUSOR_DEVICE void load_at(float (&v)[V], int64_t offset, int count) const {
    T raw[V];
    load_values<V>(raw, x + offset, false, count);
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = i < count ? to_float(raw[i]) : 0.f;
  }
};

/** Elements of a type known at run time, one by one, as `As` (float or int64_t). For rare reductions: one
 * kernel then serves all types. */
template <class As>
struct AnySource {
  using Value = As;
  const void* x;
  int32_t dtype;
  template <int V>
  FUSOR_DEVICE void load_at(As (&v)[V], int64_t offset, int) const {
    static_assert(V == 1);
    switch (dtype) {
      case FUSOR_F32:
        return get<float>(v[0], offset);
      case FUSOR_F16:
        return get<f16>(v[0], offset);
      case FUSOR_BF16:
        return get<bf16>(v[0], offset);
      case FUSOR_I32:
        return get<int32_t>(v[0], offset);
      case FUSOR_I64:
        return get<int64_t>(v[0], offset);
      default:
        return get<uint8_t>(v[0], offset);
    }
  }

 private:
  template <class T>
  FUSOR_DEVICE void get(As& v, int64_t offset) const {
    v = convert<As>(load<1>(static_cast<const T*>(x) + offset).values[0]);
  }
};

/** Whether an element of any type is not 0. */
struct TruthSource {
  using Value = int32_t;
  const void* x;
  int32_t dtype;
  template <int V>
  FUSOR_DEVICE void load_at(int32_t (&v)[V], int64_t offset, int count) const {
    if (is_float(dtype)) {
      float f[1];
      AnySource<float>{x, dtype}.load_at<1>(f, offset, count);
      v[0] = f[0] != 0.f;
    } else {
      int64_t i[1];
      AnySource<int64_t>{x, dtype}.load_at<1>(i, offset, count);
      v[0] = i[0] != 0;
    }
  }

 private:
  FUSOR_DEVICE static bool is_float(int32_t dtype) {
    return dtype == FUSOR_F32 || dtype == FUSOR_F16 || dtype == FUSOR_BF16;
  }
};

// ---- results
// ------------------------------------------------------------------------------------------------

template <class T>
FUSOR_DEVICE void put(void* y, int64_t offset, T value) {
  store(static_cast<T*>(y) + offset, Vector<T, 1>{{value}});
}
FUSOR_DEVICE void put_float(void* y, int32_t dtype, int64_t offset, float value) {
  if (dtype == FUSOR_F16) return put(y, offset, from_float<f16>(value));
  if (dtype == FUSOR_BF16) return put(y, offset, from_float<bf16>(value));
  put(y, offset, value);
}
FUSOR_DEVICE void put_integer(void* y, int32_t dtype, int64_t offset, int64_t value) {
  if (dtype == FUSOR_I32) return put(y, offset, static_cast<int32_t>(value));
  if (dtype == FUSOR_U8) return put(y, offset, static_cast<uint8_t>(value));
  put(y, offset, value);
}

// ---- folds
// -------------------------------------------------------------------------------------------------- A fold
// has Source (of Value), State, and
//   void start(State&);   void join(State& into, const State& from);
//   void add<N>(State&, const Value (&)[N], int64_t index);          // index of the first along the
//   reduction void finish(const State&, int64_t offset, int64_t folded);       // writes the output bool
//   kNeedsIndex;                                                // whether add() looks at `index`

/** A sum that carries what rounding lost of each addition (Knuth's two-sum, 7 additions): as good as one in
 * double, at the speed of memory. */
template <class SourceType>
struct SumFold {
  using Source = SourceType;
  static constexpr bool kNeedsIndex = false;
  struct State {
    float sum, lost;
  };
  Source source;
  void* y;
  int32_t dtype;
  bool mean;

  FUSOR_DEVICE static void include(State& s, float x) {
    const float sum = s.sum + x, part = sum - s.sum;
    s.lost += (s.sum - (sum - part)) + (x - part);
    s.sum = sum;
  }
  FUSOR_DEVICE void start(State& s) const { s = {0.f, 0.f}; }
  FUSOR_DEVICE void join(State& into, const State& from) const {
    include(into, from.sum);
    into.lost += from.lost;
  }
  template <int N>
  FUSOR_DEVICE void add(State& s, const float (&x)[N], int64_t) const {
#pragma unroll
    for (int i = 0; i < N; ++i) include(s, x[i]);
  }
  FUSOR_DEVICE void finish(const State& s, int64_t offset, int64_t folded) const {
    // Past infinity what was lost is not a number.
    const float sum = fabsf(s.sum) <= 3.402823466e38f ? s.sum + s.lost : s.sum;
    put_float(y, dtype, offset, mean ? sum / static_cast<float>(folded) : sum);
  }
};

/** In double, so that the product of many numbers does not overflow half-way. */
struct ProductFold {
  using Source = AnySource<float>;
  static constexpr bool kNeedsIndex = false;
  struct State {
    double product;
  };
  Source source;
  void* y;
  int32_t dtype;

  FUSOR_DEVICE void start(State& s) const { s.product = 1.0; }
  FUSOR_DEVICE void join(State& into, const State& from) const { into.product *= from.product; }
  template <int N>
  FUSOR_DEVICE void add(State& s, const float (&x)[N], int64_t) const {
#pragma unroll
    for (int i = 0; i < N; ++i) s.product *= static_cast<double>(x[i]);
  }
  FUSOR_DEVICE void finish(const State& s, int64_t offset, int64_t) const {
    put_float(y, dtype, offset, static_cast<float>(s.product));
  }
};

/** The greatest, or the least by the greatest of the negatives; NaN if any is. */
template <class SourceType>
struct ExtremeFold {
  using Source = SourceType;
  static constexpr bool kNeedsIndex = false;
  struct State {
    float greatest;
  };
  Source source;
  void* y;
  int32_t dtype;
  bool least;

  FUSOR_DEVICE void start(State& s) const { s.greatest = -INFINITY; }
  FUSOR_DEVICE void join(State& into, const State& from) const {
    into.greatest = Maximum()(into.greatest, from.greatest);
  }
  template <int N>
  FUSOR_DEVICE void add(State& s, const float (&x)[N], int64_t) const {
#pragma unroll
    for (int i = 0; i < N; ++i) s.greatest = Maximum()(s.greatest, least ? -x[i] : x[i]);
  }
  FUSOR_DEVICE void finish(const State& s, int64_t offset, int64_t) const {
    put_float(y, dtype, offset, least ? -s.greatest : s.greatest);
  }
};

/** Mean and sum of squared deviations. The values of one add() are two passes over registers; these are
 * joined as Chan, Golub and LeVeque (1979) have it: never E[x^2] - E[x]^2. A state tells its mean by the
 * distance to one of its own values, `shift`, so that an offset common to all values, however large, rounds
 * nothing: the difference of two values is exact where they are within a factor of 2 (Sterbenz), and else no
 * smaller than either. */
template <class SourceType>
struct MomentsFold {
  using Source = SourceType;
  static constexpr bool kNeedsIndex = false;
  struct State {
    float count, shift, mean, squares;  // the mean of the values is shift + mean
  };
  Source source;
  void* y;  // the variance, of this dtype ...
  int32_t dtype;
  float correction;
  Moments moments;  // ... or, where not null, all of these

  FUSOR_DEVICE void start(State& s) const { s = {0.f, 0.f, 0.f, 0.f}; }
  FUSOR_DEVICE void join(State& into, const State& from) const {
    if (from.count == 0.f) return;
    if (into.count == 0.f) {
      into = from;
      return;
    }
    const float count = into.count + from.count, share = from.count / count;
    const float delta = (from.shift - into.shift) + (from.mean - into.mean);
    into.mean += delta * share;
    into.squares += from.squares + delta * delta * into.count * share;
    into.count = count;
  }
  template <int N>
  FUSOR_DEVICE void add(State& s, const float (&x)[N], int64_t) const {
    State part{static_cast<float>(N), x[0], 0.f, 0.f};
    float sum = 0.f;
#pragma unroll
    for (int i = 0; i < N; ++i) sum += x[i] - x[0];
    part.mean = sum * (1.f / N);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float deviation = (x[i] - x[0]) - part.mean;
      part.squares += deviation * deviation;
    }
    join(s, part);
  }
  FUSOR_DEVICE void finish(const State& s, int64_t offset, int64_t folded) const {
    const float count = static_cast<float>(folded);
    if (moments.mean != nullptr) {
      const float mean = s.shift + s.mean;
      put(moments.mean, offset, mean);
      put(moments.mean_rest, offset, (s.shift - mean) + s.mean);
      put(moments.variance, offset, s.squares / count);
      return;
    }
    const float divisor = count - correction;
    const float squares = folded > 0 ? s.squares : NAN;
    put_float(y, dtype, offset, squares / (divisor > 0.f ? divisor : 0.f));
  }
};

// ---- integers and truth: exact, sums and products wrap around
// ------------------------------------------------

struct IntegerFold {
  using Source = AnySource<int64_t>;
  static constexpr bool kNeedsIndex = false;
  enum Kind : int32_t { kSum, kProduct, kGreatest, kLeast };
  struct State {
    int64_t value;
  };
  Source source;
  void* y;
  int32_t dtype;
  Kind kind;

  FUSOR_DEVICE int64_t of(int64_t a, int64_t b) const {
    switch (kind) {
      case kSum:
        return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
      case kProduct:
        return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
      case kGreatest:
        return a > b ? a : b;
      default:
        return a < b ? a : b;
    }
  }
  FUSOR_DEVICE void start(State& s) const {
    s.value = kind == kSum ? 0 : kind == kProduct ? 1 : kind == kGreatest ? INT64_MIN : INT64_MAX;
  }
  FUSOR_DEVICE void join(State& into, const State& from) const { into.value = of(into.value, from.value); }
  template <int N>
  FUSOR_DEVICE void add(State& s, const int64_t (&x)[N], int64_t) const {
#pragma unroll
    for (int i = 0; i < N; ++i) s.value = of(s.value, x[i]);
  }
  FUSOR_DEVICE void finish(const State& s, int64_t offset, int64_t) const {
    put_integer(y, dtype, offset, s.value);
  }
};

/** Any; or all, as "not any that is 0". */
struct TruthFold {
  using Source = TruthSource;
  static constexpr bool kNeedsIndex = false;
  struct State {
    int32_t found;
  };
  Source source;
  uint8_t* y;
  bool all;

  FUSOR_DEVICE void start(State& s) const { s.found = 0; }
  FUSOR_DEVICE void join(State& into, const State& from) const { into.found |= from.found; }
  template <int N>
  FUSOR_DEVICE void add(State& s, const int32_t (&x)[N], int64_t) const {
#pragma unroll
    for (int i = 0; i < N; ++i) s.found |= (x[i] != 0) != all;
  }
  FUSOR_DEVICE void finish(const State& s, int64_t offset, int64_t) const {
    put(y, offset, static_cast<uint8_t>((s.found != 0) != all));
  }
};

/** The index of the first greatest or least element; the first NaN wins either way. */
template <class SourceType>
struct IndexFold {
  using Source = SourceType;
  static constexpr bool kNeedsIndex = true;
  using Value = typename Source::Value;
  struct State {
    Value value;
    int64_t index;
  };
  Source source;
  int64_t* y;
  bool least;

  FUSOR_DEVICE bool comes_before(const State& a, const State& b) const {
    const bool a_is_nan = a.value != a.value, b_is_nan = b.value != b.value;
    if (a_is_nan != b_is_nan) return a_is_nan;
    if (!a_is_nan && a.value != b.value) return least ? a.value < b.value : a.value > b.value;
    return a.index < b.index;
  }
  FUSOR_DEVICE void start(State& s) const {
    if constexpr (std::is_same_v<Value, float>)
      s.value = least ? INFINITY : -INFINITY;
    else
      s.value = least ? INT64_MAX : INT64_MIN;
    s.index = INT64_MAX;  // any element comes before
  }
  FUSOR_DEVICE void join(State& into, const State& from) const {
    if (comes_before(from, into)) into = from;
  }
  template <int N>
  FUSOR_DEVICE void add(State& s, const Value (&x)[N], int64_t index) const {
#pragma unroll
    for (int i = 0; i < N; ++i) join(s, State{x[i], index + i});
  }
  FUSOR_DEVICE void finish(const State& s, int64_t offset, int64_t) const {
    put(y, offset, s.index);
  }
};

}  // namespace fusor::cuda
