// Reductions, argmax, softmax and top-k against float64, over dimensions that run along memory and across it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "op_testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

constexpr Lie kLies[] = {Lie::row_major, Lie::reversed, Lie::last_second, Lie::gaps, Lie::unaligned};

// The elements of each result, results in row-major order.
std::vector<std::vector<double>> gathered(const Array& x, const std::vector<int32_t>& dims, Sizes& kept) {
  kept.clear();
  std::vector<size_t> kept_dims;
  for (size_t d = 0; d < x.sizes.size(); ++d) {
    if (std::find(dims.begin(), dims.end(), static_cast<int32_t>(d)) != dims.end()) continue;
    kept.push_back(x.sizes[d]);
    kept_dims.push_back(d);
  }
  std::vector<std::vector<double>> results(static_cast<size_t>(product(kept)));
  for_each(x.sizes, [&](const Sizes& index, size_t i) {
    size_t result = 0;
    for (size_t k = 0; k < kept.size(); ++k)
      result = result * static_cast<size_t>(kept[k]) + static_cast<size_t>(index[kept_dims[k]]);
    results[result].push_back(x.values[i]);
  });
  return results;
}

double reduced(int32_t function, const std::vector<double>& v, double correction) {
  const double sum = std::accumulate(v.begin(), v.end(), 0.0), count = static_cast<double>(v.size());
  switch (function) {
    case FUSOR_REDUCE_SUM:
      return sum;
    case FUSOR_REDUCE_MEAN:
      return sum / count;
    case FUSOR_REDUCE_PROD:
      return std::accumulate(v.begin(), v.end(), 1.0, std::multiplies<>());
    case FUSOR_REDUCE_VARIANCE: {
      double squares = 0;
      for (const double x : v) squares += (x - sum / count) * (x - sum / count);
      return squares / (count - correction);
    }
    case FUSOR_REDUCE_ANY:
      return std::any_of(v.begin(), v.end(), [](double x) { return x != 0; });
    case FUSOR_REDUCE_ALL:
      return std::all_of(v.begin(), v.end(), [](double x) { return x != 0; });
    default: {
      double best = v[0];
      for (const double x : v) {
        if (std::isnan(x)) return x;
        best = function == FUSOR_REDUCE_MAX ? std::max(best, x) : std::min(best, x);
      }
      return best;
    }
  }
}

void check_reduce(int32_t function, const Array& x, const std::vector<int32_t>& dims, Lie lie,
                  double relative, double absolute, float correction = 0) {
  INFO("function ", function, ", dtype ", x.dtype, ", rank ", x.sizes.size(), ", first dim ",
       dims.empty() ? -1 : dims[0], " of ", dims.size(), ", lie ", static_cast<int>(lie));
  fusor_reduce_attributes a{};
  a.struct_size = sizeof a;
  a.function = function;
  a.dim_count = static_cast<int32_t>(dims.size());
  std::copy(dims.begin(), dims.end(), a.dims);
  a.correction = correction;
  int32_t dtype = x.dtype;
  if (function == FUSOR_REDUCE_ANY || function == FUSOR_REDUCE_ALL) dtype = FUSOR_U8;
  if ((function == FUSOR_REDUCE_SUM || function == FUSOR_REDUCE_PROD) && !is_float(dtype)) dtype = FUSOR_I64;
  Array expected{dtype, {}, {}};
  for (const auto& v : gathered(x, dims, expected.sizes))
    expected.values.push_back(relative == 0 ? rounded(dtype, reduced(function, v, correction))
                                            : reduced(function, v, correction));
  check_array(OpCall(FUSOR_OP_REDUCE, a).input(x, lie).output(dtype, expected.sizes).run()[0], expected,
              relative, absolute);
}

const std::pair<Sizes, std::vector<int32_t>> kShapes[] = {{{7}, {0}},
                                                          {{5, 33}, {0}},
                                                          {{5, 33}, {1}},
                                                          {{5, 33}, {0, 1}},
                                                          {{3, 4, 17}, {1}},
                                                          {{3, 4, 16}, {0, 2}},
                                                          {{2, 3, 4, 5}, {1, 2}},
                                                          {{2, 3, 4, 5}, {0, 3}},
                                                          {{2, 64, 3, 3}, {2, 3}},
                                                          {{2, 40, 3, 5}, {0, 2, 3}},
                                                          {{1, 1}, {0}},
                                                          {{3, 2}, {}}};

}  // namespace

TEST_CASE("sums, extremes, truth and products of small integers are exact in every type") {
  for (const int32_t function :
       {FUSOR_REDUCE_SUM, FUSOR_REDUCE_MAX, FUSOR_REDUCE_MIN, FUSOR_REDUCE_ANY, FUSOR_REDUCE_ALL}) {
    for (int32_t dtype = 0; dtype < FUSOR_DTYPE_COUNT; ++dtype) {
      for (const auto& [sizes, dims] : kShapes) {
        const bool truth = function == FUSOR_REDUCE_ANY || function == FUSOR_REDUCE_ALL;
        const int low = dtype == FUSOR_U8 ? 0 : truth ? 0 : -3;
        check_reduce(function, integers(dtype, sizes, 5, low, truth ? 1 : 3), dims, Lie::row_major, 0, 0);
      }
    }
  }
  for (int32_t dtype = 0; dtype < FUSOR_DTYPE_COUNT; ++dtype)
    check_reduce(FUSOR_REDUCE_PROD, integers(dtype, {3, 9}, 5, 1, 2), {1}, Lie::reversed, 0, 0);
}

TEST_CASE("reductions of any strides, in every schedule") {
  in_every_schedule([] {
    for (const Lie lie : kLies) {
      for (const int32_t dtype : kFloats) {
        check_reduce(FUSOR_REDUCE_SUM, integers(dtype, {2, 40, 3, 5}, 1), {2, 3}, lie, 0, 0);
        check_reduce(FUSOR_REDUCE_MAX, integers(dtype, {2, 40, 3, 5}, 2), {0, 2, 3}, lie, 0, 0);
        check_reduce(FUSOR_REDUCE_MEAN, integers(dtype, {4, 64}, 3), {0}, lie, 0, 0);
      }
    }
  });
}

TEST_CASE("means and variances equal float64; a common offset costs the variance nothing") {
  for (const int32_t dtype : kFloats) {
    const double u = unit_roundoff(dtype);
    for (const auto& [sizes, dims] : kShapes) {
      if (dims.empty() || product(sizes) < 2) continue;
      const Array x = uniform(dtype, sizes, 6, -3, 2);
      check_reduce(FUSOR_REDUCE_MEAN, x, dims, Lie::row_major, 1.01 * u, 1e-6);
      check_reduce(FUSOR_REDUCE_VARIANCE, x, dims, Lie::row_major, 1.01 * u + 1e-6, 1e-6, 1);
      check_reduce(FUSOR_REDUCE_VARIANCE, x, dims, Lie::last_second, 1.01 * u + 1e-6, 1e-6, 0);
    }
  }
  // The numbers themselves have 2^-11 here and are what the reference takes; their differences are exact, so
  // the bound is that of no offset. With means near 4096 rounded to f32 (by 2^-12, against a deviation of
  // 1 / sqrt(12)) it would be 850 times as much, and E[x^2] - E[x]^2 would be off by 2^24 * 2^-24, twelve
  // times the variance itself.
  for (const Sizes& sizes : {Sizes{3, 1000}, {3, 20000}, {3, 1001}, {1000, 3}}) {
    const Array offset = uniform(FUSOR_F32, sizes, 7, 4096, 4097);
    const int32_t dim = sizes[0] > sizes[1] ? 0 : 1;
    for (const Lie lie : {Lie::row_major, Lie::reversed})
      check_reduce(FUSOR_REDUCE_VARIANCE, offset, {dim}, lie, 0x1p-24 + 1e-6, 0, 1);
  }
}

TEST_CASE("long rows and columns are split over blocks and joined in order") {
  in_every_schedule([] {
    check_reduce(FUSOR_REDUCE_SUM, integers(FUSOR_BF16, {1, 70001}, 1), {0, 1}, Lie::row_major, 0, 0);
    check_reduce(FUSOR_REDUCE_SUM, integers(FUSOR_F32, {3, 20000}, 1), {1}, Lie::row_major, 0, 0);
    check_reduce(FUSOR_REDUCE_VARIANCE, uniform(FUSOR_F32, {900, 36}, 2, 10, 11), {0}, Lie::row_major, 2e-6,
                 0, 1);
  });
  // Rounding: the sum of many equal numbers.
  check_reduce(FUSOR_REDUCE_SUM, generate(FUSOR_F32, {65536}, [](size_t) { return 0.1; }), {0},
               Lie::row_major, 0x1p-23, 0);
}

TEST_CASE("reductions of nothing, NaN and infinities") {
  const auto reduce_empty = [](int32_t function, double expected) {
    fusor_reduce_attributes a{};
    a.struct_size = sizeof a;
    a.function = function;
    a.dim_count = 1;
    a.dims[0] = 1;
    const int32_t dtype = function >= FUSOR_REDUCE_ANY ? FUSOR_U8 : FUSOR_F32;
    check_array(OpCall(FUSOR_OP_REDUCE, a).input({FUSOR_F32, {2, 0}, {}}).output(dtype, {2}).run()[0],
                {dtype, {2}, {expected, expected}}, 0, 0);
  };
  reduce_empty(FUSOR_REDUCE_SUM, 0);
  reduce_empty(FUSOR_REDUCE_PROD, 1);
  reduce_empty(FUSOR_REDUCE_MEAN, NAN);
  reduce_empty(FUSOR_REDUCE_VARIANCE, NAN);
  reduce_empty(FUSOR_REDUCE_ANY, 0);
  reduce_empty(FUSOR_REDUCE_ALL, 1);
  const Array x{FUSOR_F32, {3, 5}, {1, NAN, 3, 2, 5, INFINITY, 1, 2, 3, 4, -INFINITY, 1, 1, 1, 1}};
  for (const int32_t f :
       {FUSOR_REDUCE_SUM, FUSOR_REDUCE_MAX, FUSOR_REDUCE_MIN, FUSOR_REDUCE_ANY, FUSOR_REDUCE_ALL})
    for (const Lie lie : {Lie::row_major, Lie::reversed}) check_reduce(f, x, {1}, lie, 0, 0);
}

TEST_CASE("argmax and argmin: the first one, NaN wins") {
  in_schedules(kTypes, [](int32_t dtype) {
    for (const int32_t least : {0, 1}) {
      for (const auto& [sizes, dim] : {std::pair<Sizes, int32_t>{{7}, 0},
                                       {{5, 40}, 0},
                                       {{5, 40}, 1},
                                       {{2, 40, 9}, 1},
                                       {{3, 1000}, 1},
                                       {{200, 3}, 0}}) {
        for (const Lie lie : {Lie::row_major, Lie::reversed}) {
          Array x = integers(dtype, sizes, 3, dtype == FUSOR_U8 ? 0 : -9, 9);
          if (is_float(dtype) && sizes.size() == 2) x.values[x.values.size() / 2] = NAN;
          Array expected{FUSOR_I64, {}, {}};
          for (const auto& v : gathered(x, {dim}, expected.sizes)) {
            size_t best = 0;
            for (size_t i = 0; i < v.size() && !std::isnan(v[best]); ++i)
              if (std::isnan(v[i]) || (least ? v[i] < v[best] : v[i] > v[best])) best = i;
            expected.values.push_back(static_cast<double>(best));
          }
          const fusor_arg_reduce_attributes a{sizeof a, dim, least, 0};
          check_array(OpCall(FUSOR_OP_ARG_REDUCE, a).input(x, lie).output(FUSOR_I64, expected.sizes).run()[0],
                      expected, 0, 0);
        }
      }
    }
  });
}

namespace {

Array softmax_of(const Array& x, int32_t dim, bool log) {
  Array expected = x;
  const int64_t size = x.sizes[static_cast<size_t>(dim)];
  int64_t inner = 1;
  for (size_t d = static_cast<size_t>(dim) + 1; d < x.sizes.size(); ++d) inner *= x.sizes[d];
  for (int64_t row = 0; row < product(x.sizes) / size; ++row) {
    const auto at = [&](int64_t i) {
      return static_cast<size_t>(row / inner * size * inner + i * inner + row % inner);
    };
    double greatest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < size; ++i) greatest = std::max(greatest, x.values[at(i)]);
    for (int64_t i = 0; i < size; ++i) sum += std::exp(x.values[at(i)] - greatest);
    for (int64_t i = 0; i < size; ++i) {
      const double shifted = x.values[at(i)] - greatest;
      expected.values[at(i)] = log ? shifted - std::log(sum) : std::exp(shifted) / sum;
    }
  }
  return expected;
}

void check_softmax(const Array& x, int32_t dim, Lie lie) {
  for (const int32_t log : {0, 1}) {
    INFO("dtype ", x.dtype, ", dim ", dim, " of size ", x.sizes[static_cast<size_t>(dim)], ", log ", log,
         ", lie ", static_cast<int>(lie));
    const fusor_softmax_attributes a{sizeof a, dim, log};
    check_array(OpCall(FUSOR_OP_SOFTMAX, a).input(x, lie).output(x.dtype, x.sizes).run()[0],
                softmax_of(x, dim, log != 0), 1.01 * unit_roundoff(x.dtype) + 1e-6, 1e-6);
  }
}

}  // namespace

TEST_CASE("softmax and its logarithm along every dimension, in every schedule") {
  in_schedules(kFloats, [](int32_t dtype) {
    for (const int64_t width : {1, 3, 8, 33, 256, 1000})
      check_softmax(uniform(dtype, {3, width}, 1, -9, 9), 1, Lie::row_major);
    for (const Lie lie : kLies)
      for (const int32_t dim : {0, 1, 3}) check_softmax(uniform(dtype, {2, 16, 3, 5}, 2, -9, 9), dim, lie);
  });
}

TEST_CASE("softmax of rows of every length class") {
  for (const int32_t dtype : kFloats)
    for (const int64_t width : {2048, 5000, 16384, 40000})
      check_softmax(uniform(dtype, {1, width}, 3, -3, 3), 1, Lie::row_major);
  check_softmax(uniform(FUSOR_F32, {1, 9001}, 3, -3, 3), 1, Lie::row_major);
  check_softmax(uniform(FUSOR_F32, {1, 20000}, 3, -3, 3), 1, Lie::row_major);
}

TEST_CASE("rows with NaN, +inf or nothing but -inf are NaN; -inf beside numbers is 0") {
  const double inf = INFINITY;
  for (const int64_t width : {4, 16}) {
    for (const Lie lie : {Lie::row_major, Lie::reversed}) {
      Array x = generate(FUSOR_F32, {4, width}, [](size_t) { return 1; });
      const auto row = [&](int64_t r) { return x.values.begin() + r * width; };
      row(0)[1] = NAN;
      row(1)[2] = inf;
      std::fill(row(2), row(3), -inf);
      row(3)[0] = -inf;
      Array expected = generate(FUSOR_F32, {4, width}, [](size_t) { return NAN; });
      for (int64_t i = 0; i < width; ++i)
        expected.values[static_cast<size_t>(3 * width + i)] =
            i == 0 ? 0 : 1.0 / static_cast<double>(width - 1);
      const fusor_softmax_attributes a{sizeof a, 1, 0};
      check_array(OpCall(FUSOR_OP_SOFTMAX, a).input(x, lie).output(FUSOR_F32, x.sizes).run()[0], expected,
                  1e-6, 0);
    }
  }
}

namespace {

void check_topk(const Array& x, int64_t k, int32_t dim, bool largest, Lie lie = Lie::row_major) {
  INFO("dtype ", x.dtype, ", k ", k, ", dim ", dim, ", largest ", largest, ", lie ", static_cast<int>(lie));
  Sizes sizes = x.sizes;
  if (!sizes.empty()) sizes[static_cast<size_t>(dim)] = k;
  Array values{x.dtype, sizes, std::vector<double>(static_cast<size_t>(product(sizes)))},
      indices{FUSOR_I64, sizes, values.values};
  Sizes kept;
  const auto rows = gathered(x, {dim}, kept);
  int64_t inner = 1;
  for (size_t d = static_cast<size_t>(dim) + 1; d < x.sizes.size(); ++d) inner *= x.sizes[d];
  for (size_t row = 0; row < rows.size(); ++row) {
    std::vector<int64_t> order(rows[row].size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
      const double u = rows[row][static_cast<size_t>(i)], v = rows[row][static_cast<size_t>(j)];
      if (std::isnan(u) || std::isnan(v))
        return largest ? std::isnan(u) && !std::isnan(v) : !std::isnan(u) && std::isnan(v);
      return largest ? u > v : u < v;
    });
    for (int64_t i = 0; i < k; ++i) {
      const auto r = static_cast<int64_t>(row);
      const auto target = static_cast<size_t>(r / inner * k * inner + i * inner + r % inner);
      indices.values[target] = static_cast<double>(order[static_cast<size_t>(i)]);
      values.values[target] = rows[row][static_cast<size_t>(order[static_cast<size_t>(i)])];
    }
  }
  const fusor_topk_attributes a{sizeof a, k, dim, largest, 1};
  const auto result =
      OpCall(FUSOR_OP_TOPK, a).input(x, lie).output(x.dtype, sizes).output(FUSOR_I64, sizes).run();
  check_array(result[0], values, 0, 0);
  check_array(result[1], indices, 0, 0);
}

}  // namespace

TEST_CASE("top-k, exactly: many equal elements, NaN, every type, any dimension, in every schedule") {
  in_schedules(kTypes, [](int32_t dtype) {
    for (const bool largest : {true, false}) {
      Array x = integers(dtype, {2, 41, 3}, 4, dtype == FUSOR_U8 ? 0 : -5, 5);
      if (is_float(dtype)) x.values[10] = x.values[70] = NAN, x.values[20] = -0.0;
      check_topk(x, 1, 1, largest);
      check_topk(x, 41, 1, largest, Lie::reversed);
      check_topk(x, 2, 2, largest, Lie::gaps);
    }
  });
  check_topk(uniform(FUSOR_F32, {1, 3000}, 5), 5, 1, true);
  check_topk(integers(FUSOR_F32, {1, 2600}, 6, -9, 9), 2500, 1, true);  // three chunks of results
  check_topk({FUSOR_F32, {}, {3}}, 1, 0, true);
}
