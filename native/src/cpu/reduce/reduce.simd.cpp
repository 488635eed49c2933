// f32 folds, bound by reading x once. At most kPartial vectors are added up in f32, then their sum goes to
// double: the error stays that of a short sum however long the whole one is. Moments are taken block by block
// while the block is in L1 (its mean, then the deviations from it) and joined by Chan's formula, so that the
// data is read from memory once.
#include "cpu/reduce/reduce.h"

#include "cpu/simd/lanes.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr int64_t kPartial = 64;
constexpr int kChains = 4;         // an addition takes 3 to 4 cycles and two start in one
constexpr int kColumnVectors = 4;  // columns kept in registers

constexpr bool is_extreme(Fold fold) {
  return fold == Fold::Maximum || fold == Fold::Minimum;
}

// NaN once seen stays.
template <Fold kFold>
FUSOR_INLINE Vec extreme_of(Vec so_far, Vec x) {
  const Vec next = kFold == Fold::Maximum ? maximum(so_far, x) : minimum(so_far, x);
  return select(so_far == so_far, next, so_far);
}
template <Fold kFold>
FUSOR_INLINE double extreme_of(double so_far, double x) {
  if (so_far != so_far) return so_far;
  return x != x || (kFold == Fold::Maximum ? x > so_far : x < so_far) ? x : so_far;
}

// The first `count` lanes of p, `rest` in the others.
FUSOR_INLINE Vec load_or(const float* p, int count, float rest) {
  static const int32_t kIndex[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return select(load_int(kIndex) < broadcast_int(count), load_partial(p, count), broadcast(rest));
}

FUSOR_INLINE double wide_sum(Vec x) {
  return sum_of_lanes(lower_double(x) + upper_double(x));
}

template <Fold kFold>
FUSOR_INLINE double wide_extreme(Vec x) {
  double result = static_cast<double>(x[0]);
  for (int lane = 1; lane < kLanes; ++lane) result = extreme_of<kFold>(result, static_cast<double>(x[lane]));
  return result;
}

// Of `count` elements, at most kPartial vectors.
FUSOR_INLINE double sum_of_block(const float* x, int64_t count) {
  Vec chains[kChains] = {};
  int64_t i = 0;
  for (; i + kChains * kLanes <= count; i += kChains * kLanes) {
    for (int c = 0; c < kChains; ++c) chains[c] += load(x + i + c * kLanes);
  }
  for (; i + kLanes <= count; i += kLanes) chains[0] += load(x + i);
  if (i < count) chains[1] += load_partial(x + i, static_cast<int>(count - i));
  return wide_sum((chains[0] + chains[1]) + (chains[2] + chains[3]));
}

// Deviations from a number near the mean: their sum and the sum of their squares.
struct Deviations {
  double sum, squares;
};
FUSOR_INLINE Deviations deviations_of_block(const float* x, int64_t count, float center) {
  const Vec middle = broadcast(center);
  Vec sums[kChains] = {}, squares[kChains] = {};
  const auto add = [&](int chain, Vec d) {
    sums[chain] += d;
    squares[chain] += d * d;
  };
  int64_t i = 0;
  for (; i + kChains * kLanes <= count; i += kChains * kLanes) {
    for (int c = 0; c < kChains; ++c) add(c, load(x + i + c * kLanes) - middle);
  }
  for (; i + kLanes <= count; i += kLanes) add(0, load(x + i) - middle);
  if (i < count) add(1, load_or(x + i, static_cast<int>(count - i), center) - middle);
  return {wide_sum((sums[0] + sums[1]) + (sums[2] + sums[3])),
          wide_sum((squares[0] + squares[1]) + (squares[2] + squares[3]))};
}

// Joins the moments of n further elements, given by their deviations from `center` (Chan, Golub, LeVeque
// 1979).
FUSOR_INLINE void join_moments(double before, double n, double center, Deviations deviations,
                               double* moments) {
  const double shift = deviations.sum / n;
  const double squares = deviations.squares - shift * deviations.sum;
  const double delta = center + shift - moments[0], share = n / (before + n);
  moments[0] += delta * share;
  moments[1] += (squares < 0 ? 0 : squares) + delta * delta * (before * share);
}

// ---- rows

template <Fold kFold>
FUSOR_INLINE void fold_row(const float* x, int64_t count, int64_t before, double* result) {
  if constexpr (kFold == Fold::Sum) {
    for (int64_t i = 0; i < count; i += kPartial * kLanes) {
      *result += sum_of_block(x + i, count - i < kPartial * kLanes ? count - i : kPartial * kLanes);
    }
  } else if constexpr (kFold == Fold::Product) {
    // In double throughout: f32 would overflow on the way to results that it can hold.
    DoubleVec chains[2] = {broadcast_double(1), broadcast_double(1)};
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      const Vec v = load(x + i);
      chains[0] *= lower_double(v);
      chains[1] *= upper_double(v);
    }
    chains[0] *= chains[1];
    for (int lane = 0; lane < kDoubleLanes; ++lane) *result *= chains[0][lane];
    for (; i < count; ++i) *result *= static_cast<double>(x[i]);
  } else if constexpr (is_extreme(kFold)) {
    Vec chains[kChains];
    for (Vec& chain : chains) chain = broadcast(static_cast<float>(*result));
    int64_t i = 0;
    for (; i + kChains * kLanes <= count; i += kChains * kLanes) {
      for (int c = 0; c < kChains; ++c) chains[c] = extreme_of<kFold>(chains[c], load(x + i + c * kLanes));
    }
    for (; i + kLanes <= count; i += kLanes) chains[0] = extreme_of<kFold>(chains[0], load(x + i));
    if (i < count)
      chains[1] = extreme_of<kFold>(chains[1], load_or(x + i, static_cast<int>(count - i), x[i]));
    *result = wide_extreme<kFold>(
        extreme_of<kFold>(extreme_of<kFold>(chains[0], chains[1]), extreme_of<kFold>(chains[2], chains[3])));
  } else {
    for (int64_t i = 0; i < count; i += kPartial * kLanes) {
      const int64_t n = count - i < kPartial * kLanes ? count - i : kPartial * kLanes;
      const float center = static_cast<float>(sum_of_block(x + i, n) / static_cast<double>(n));
      join_moments(static_cast<double>(before + i), static_cast<double>(n), static_cast<double>(center),
                   deviations_of_block(x + i, n, center), result);
    }
  }
}

// Rows shorter than half a vector are faster element by element.
template <Fold kFold>
FUSOR_INLINE void fold_short_row(const float* x, int64_t count, int64_t before, double* result) {
  if constexpr (kFold == Fold::Moments) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]);
    const double mean = sum / static_cast<double>(count);
    for (int64_t i = 0; i < count; ++i) {
      const double d = static_cast<double>(x[i]) - mean;
      squares += d * d;
    }
    join_moments(static_cast<double>(before), static_cast<double>(count), mean, {0, squares}, result);
  } else {
    for (int64_t i = 0; i < count; ++i) {
      const double value = static_cast<double>(x[i]);
      if constexpr (kFold == Fold::Sum) *result += value;
      if constexpr (kFold == Fold::Product) *result *= value;
      if constexpr (is_extreme(kFold)) *result = extreme_of<kFold>(*result, value);
    }
  }
}

template <Fold kFold>
void fold_rows(const float* x, int64_t outputs, int64_t count, int64_t stride, int64_t before,
               double* results) {
  constexpr int kNumbers = kFold == Fold::Moments ? 2 : 1;
  if (count == 0) return;
  if (count < 8) {
    for (int64_t i = 0; i < outputs; ++i)
      fold_short_row<kFold>(x + i * stride, count, before, results + i * kNumbers);
  } else {
    for (int64_t i = 0; i < outputs; ++i)
      fold_row<kFold>(x + i * stride, count, before, results + i * kNumbers);
  }
}

// ---- columns

template <Fold kFold>
FUSOR_INLINE void add_to(double* results, Vec x, int lanes) {
  for (int lane = 0; lane < lanes; ++lane) {
    const double value = static_cast<double>(x[lane]);
    if constexpr (kFold == Fold::Sum) results[lane] += value;
    if constexpr (is_extreme(kFold)) results[lane] = extreme_of<kFold>(results[lane], value);
  }
}

// `columns` are kVectors vectors, the last of which may have fewer than kLanes.
template <Fold kFold, int kVectors>
FUSOR_INLINE void fold_column_vectors(const float* x, int columns, int64_t count, int64_t stride,
                                      int64_t before, double* results) {
  const int last = columns - (kVectors - 1) * kLanes;
  const auto load_vector = [&](const float* row, int v) {
    return v < kVectors - 1 || last == kLanes ? load(row + v * kLanes) : load_partial(row + v * kLanes, last);
  };
  const auto lanes_of = [&](int v) { return v < kVectors - 1 ? kLanes : last; };

  if constexpr (kFold == Fold::Product) {
    for (int64_t row = 0; row < count; ++row) {
      for (int column = 0; column < columns; ++column)
        results[column] *= static_cast<double>(x[row * stride + column]);
    }
    return;
  }
  for (int64_t begin = 0; begin < count; begin += kPartial) {
    const int64_t end = count - begin < kPartial ? count : begin + kPartial;
    const float* const block = x + begin * stride;
    Vec partial[kVectors];
    for (int v = 0; v < kVectors; ++v) partial[v] = load_vector(block, v);
    for (int64_t row = 1; row < end - begin; ++row) {
      for (int v = 0; v < kVectors; ++v) {
        const Vec next = load_vector(block + row * stride, v);
        if constexpr (is_extreme(kFold)) {
          partial[v] = extreme_of<kFold>(partial[v], next);
        } else {
          partial[v] += next;
        }
      }
    }
    if constexpr (kFold != Fold::Moments) {
      for (int v = 0; v < kVectors; ++v) add_to<kFold>(results + v * kLanes, partial[v], lanes_of(v));
    } else {
      const Vec n = broadcast(static_cast<float>(end - begin));
      Vec center[kVectors], sums[kVectors], squares[kVectors];
      for (int v = 0; v < kVectors; ++v) center[v] = partial[v] / n, sums[v] = squares[v] = zero();
      for (int64_t row = 0; row < end - begin; ++row) {
        for (int v = 0; v < kVectors; ++v) {
          const Vec d = load_vector(block + row * stride, v) - center[v];
          sums[v] += d;
          squares[v] += d * d;
        }
      }
      for (int v = 0; v < kVectors; ++v) {
        for (int lane = 0; lane < lanes_of(v); ++lane) {
          join_moments(static_cast<double>(before + begin), static_cast<double>(end - begin),
                       static_cast<double>(center[v][lane]),
                       {static_cast<double>(sums[v][lane]), static_cast<double>(squares[v][lane])},
                       results + 2 * (v * kLanes + lane));
        }
      }
    }
  }
}

template <Fold kFold>
void fold_columns(const float* x, int64_t outputs, int64_t count, int64_t stride, int64_t before,
                  double* results) {
  const int columns = static_cast<int>(outputs);
  switch ((columns + kLanes - 1) / kLanes) {
    case 1:
      return fold_column_vectors<kFold, 1>(x, columns, count, stride, before, results);
    case 2:
      return fold_column_vectors<kFold, 2>(x, columns, count, stride, before, results);
    case 3:
      return fold_column_vectors<kFold, 3>(x, columns, count, stride, before, results);
    case kColumnVectors:
      return fold_column_vectors<kFold, kColumnVectors>(x, columns, count, stride, before, results);
  }
}

}  // namespace

extern const ReduceKernels reduce_kernels;
const ReduceKernels reduce_kernels = {
    kColumnVectors * kLanes,
    {fold_rows<Fold::Sum>, fold_rows<Fold::Product>, fold_rows<Fold::Maximum>, fold_rows<Fold::Minimum>,
     fold_rows<Fold::Moments>},
    {fold_columns<Fold::Sum>, fold_columns<Fold::Product>, fold_columns<Fold::Maximum>,
     fold_columns<Fold::Minimum>, fold_columns<Fold::Moments>}};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
