// Reductions over every set of dimensions of shapes that make rows, columns, runs and parts, against double
// precision.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/reduce/reduce.h"

#include <limits>

#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

fusor_reduce_attributes attributes_of(int32_t function, const std::vector<int32_t>& dims,
                                      float correction = 0) {
  fusor_reduce_attributes a{};
  a.struct_size = sizeof a;
  a.function = function;
  a.dim_count = static_cast<int32_t>(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) a.dims[i] = dims[i];
  a.correction = correction;
  return a;
}

std::vector<int64_t> without(const std::vector<int64_t>& shape, const std::vector<int32_t>& dims) {
  std::vector<int64_t> kept;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (std::find(dims.begin(), dims.end(), static_cast<int32_t>(d)) == dims.end()) kept.push_back(shape[d]);
  }
  return kept;
}

// Every subset of the dimensions of `shape`, ascending.
std::vector<std::vector<int32_t>> subsets(const std::vector<int64_t>& shape) {
  std::vector<std::vector<int32_t>> all;
  for (uint32_t bits = 0; bits < (1u << shape.size()); ++bits) {
    std::vector<int32_t>& dims = all.emplace_back();
    for (size_t d = 0; d < shape.size(); ++d) {
      if (bits >> d & 1) dims.push_back(static_cast<int32_t>(d));
    }
  }
  return all;
}

template <class T, class R>
Array<R> reduce(const KernelSet& kernels, const fusor_reduce_attributes& attributes, const Array<T>& x) {
  std::vector<int32_t> dims(attributes.dims, attributes.dims + attributes.dim_count);
  if (x.shape.empty()) dims.clear();
  Array<R> y(without(x.shape, dims));
  const fusor_buffer input = x.buffer();
  fusor_buffer output = y.buffer();
  run_op(kernels, reduce_op, &attributes, {&input}, {&output});
  return y;
}

// The elements of every result, in order.
template <class T>
std::vector<std::vector<double>> elements_of(const Array<T>& x, const std::vector<int32_t>& dims) {
  const std::vector<int64_t> kept = without(x.shape, dims);
  std::vector<std::vector<double>> elements(static_cast<size_t>(product(kept)));
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t rest = i, output = 0, stride = 1;
    for (size_t d = x.shape.size(); d-- > 0;) {
      const int64_t index = rest % x.shape[d];
      rest /= x.shape[d];
      if (std::find(dims.begin(), dims.end(), static_cast<int32_t>(d)) != dims.end()) continue;
      output += index * stride;
      stride *= x.shape[d];
    }
    elements[static_cast<size_t>(output)].push_back(static_cast<double>(x[i]));
  }
  return elements;
}

double exact(int32_t function, const std::vector<double>& x, double correction) {
  double sum = 0, product = 1, greatest = -INFINITY, least = INFINITY, squares = 0;
  bool any = false, all = true;
  for (const double value : x) {
    sum += value;
    product *= value;
    greatest = std::isnan(value) || std::isnan(greatest) ? NAN : std::max(greatest, value);
    least = std::isnan(value) || std::isnan(least) ? NAN : std::min(least, value);
    any = any || value != 0;
    all = all && value != 0;
  }
  const double count = static_cast<double>(x.size());
  for (const double value : x) squares += (value - sum / count) * (value - sum / count);
  switch (function) {
    case FUSOR_REDUCE_SUM:
      return sum;
    case FUSOR_REDUCE_MEAN:
      return sum / count;
    case FUSOR_REDUCE_MAX:
      return greatest;
    case FUSOR_REDUCE_MIN:
      return least;
    case FUSOR_REDUCE_PROD:
      return product;
    case FUSOR_REDUCE_VARIANCE:
      return (x.empty() ? NAN : squares) / std::max(0.0, count - correction);
    case FUSOR_REDUCE_ANY:
      return any;
    default:
      return all;
  }
}

const std::vector<std::vector<int64_t>> kShapes = {{},           {1},
                                                   {5},          {17},
                                                   {1000},       {7, 3},
                                                   {33, 65},     {130, 9},
                                                   {2, 3, 4, 5}, {3, 1, 37, 1, 2},
                                                   {5, 70, 20},  {2, 2, 2, 2, 2, 2, 2, 2}};
// Big enough to be dealt out in parts: one long row, tall and narrow, and between.
const std::vector<std::vector<int64_t>> kLargeShapes = {{300'001},  {40'000, 5},   {5, 40'000},
                                                        {3000, 67}, {50, 3, 1100}, {10, 400, 50}};

void check_floats(const KernelSet& kernels, const Floats& x, double tolerance) {
  for (const std::vector<int32_t>& dims : subsets(x.shape)) {
    const auto elements = elements_of(x, dims);
    for (const int32_t function :
         {FUSOR_REDUCE_SUM, FUSOR_REDUCE_MEAN, FUSOR_REDUCE_MAX, FUSOR_REDUCE_MIN, FUSOR_REDUCE_VARIANCE}) {
      CAPTURE(function);
      const Floats y = reduce<float, float>(kernels, attributes_of(function, dims, 1), x);
      REQUIRE(y.data.size() == elements.size());
      int64_t wrong = 0;
      for (size_t i = 0; i < elements.size(); ++i) {
        const double expected = exact(function, elements[i], 1);
        double scale = 1;
        for (const double value : elements[i]) scale += std::abs(value);
        if (function != FUSOR_REDUCE_SUM) scale = 1 + std::abs(expected);
        wrong += !close(y.data[i], expected, tolerance * scale);
      }
      CHECK(wrong == 0);
    }
  }
}

}  // namespace

TEST_CASE("sums and products of small whole numbers are exact, over every set of dimensions") {
  on_every_set([](const KernelSet& kernels) {
    for (const auto& shape : kShapes) {
      Floats x = small_integers(shape, 1);
      for (const std::vector<int32_t>& dims : subsets(shape)) {
        const auto elements = elements_of(x, dims);
        const Floats sums = reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_SUM, dims), x);
        REQUIRE(sums.data.size() == elements.size());
        for (size_t i = 0; i < elements.size(); ++i)
          CHECK(sums.data[i] == exact(FUSOR_REDUCE_SUM, elements[i], 0));
      }
      for (float& value : x.data) value = value > 0 ? 1.f : value < -3 ? 2.f : -1.f;
      for (const std::vector<int32_t>& dims : subsets(shape)) {
        const auto elements = elements_of(x, dims);
        const Floats products = reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_PROD, dims), x);
        for (size_t i = 0; i < elements.size(); ++i) {
          CHECK(products.data[i] == static_cast<float>(exact(FUSOR_REDUCE_PROD, elements[i], 0)));
        }
      }
    }
  });
}

TEST_CASE("sum, mean, extremes and variance of reals, over every set of dimensions") {
  on_every_set([](const KernelSet& kernels) {
    for (const auto& shape : kShapes) check_floats(kernels, random_floats(shape, 2), 1e-6);
    for (const auto& shape : kLargeShapes) check_floats(kernels, random_floats(shape, 3), 1e-6);
  });
}

TEST_CASE("sums of many numbers and variances far from zero keep f32's precision") {
  on_every_set([](const KernelSet& kernels) {
    // A running f32 sum would be wrong in the fourth digit; E[x^2] - E[x]^2 would leave nothing.
    for (const std::vector<int64_t>& shape :
         std::vector<std::vector<int64_t>>{{2'000'003}, {500'001, 4}, {3, 400'000}}) {
      Floats x = random_floats(shape, 4, 0.01f);
      for (float& value : x.data) value += 100.f;
      for (const std::vector<int32_t>& dims : subsets(shape)) {
        if (dims.empty()) continue;
        const auto elements = elements_of(x, dims);
        const Floats sums = reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_SUM, dims), x);
        const Floats variances =
            reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_VARIANCE, dims, 1), x);
        int64_t wrong = 0;
        for (size_t i = 0; i < elements.size(); ++i) {
          const double sum = exact(FUSOR_REDUCE_SUM, elements[i], 0);
          wrong += !close(sums.data[i], sum, 2e-7 * std::abs(sum));
          const double variance = exact(FUSOR_REDUCE_VARIANCE, elements[i], 1);
          wrong += !close(variances.data[i], variance, 1e-5 * variance);
        }
        CHECK(wrong == 0);
      }
    }
  });
}

TEST_CASE("NaN anywhere makes the extremes, the sum and the variance NaN; infinities are numbers") {
  on_every_set([](const KernelSet& kernels) {
    for (const int64_t size : {1, 3, 8, 40, 1000, 200'000}) {
      for (const int64_t place : {int64_t{0}, size / 2, size - 1}) {
        for (const bool as_column : {false, true}) {
          Floats x =
              random_floats(as_column ? std::vector<int64_t>{size, 2} : std::vector<int64_t>{2, size}, 5);
          const int64_t at = as_column ? place * 2 : place;  // in result 0 only
          const std::vector<int32_t> dims = {as_column ? 0 : 1};
          x[at] = NAN;
          for (const int32_t function : {FUSOR_REDUCE_SUM, FUSOR_REDUCE_MAX, FUSOR_REDUCE_MIN,
                                         FUSOR_REDUCE_PROD, FUSOR_REDUCE_VARIANCE}) {
            const Floats y = reduce<float, float>(kernels, attributes_of(function, dims), x);
            CHECK(std::isnan(y[0]));
            CHECK(!std::isnan(y[1]));
          }
          x[at] = INFINITY;
          CHECK(reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_MAX, dims), x)[0] == INFINITY);
          CHECK(std::isfinite(reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_MIN, dims), x)[0]) ==
                (size > 1));
        }
      }
    }
  });
}

TEST_CASE("products that fit into f32 in the end do not overflow on the way") {
  on_every_set([](const KernelSet& kernels) {
    Floats x({24});
    for (int64_t i = 0; i < 24; ++i) x[i] = i % 4 < 2 ? 1e20f : 1e-20f;
    CHECK(reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_PROD, {0}), x)[0] == doctest::Approx(1.0));
  });
}

TEST_CASE("of nothing: sum 0, product 1, mean and variance NaN, any 0, all 1") {
  on_every_set([](const KernelSet& kernels) {
    const Floats x({3, 0});
    const auto value = [&](int32_t function) {
      return reduce<float, float>(kernels, attributes_of(function, {1}), x)[2];
    };
    CHECK(value(FUSOR_REDUCE_SUM) == 0);
    CHECK(value(FUSOR_REDUCE_PROD) == 1);
    CHECK(std::isnan(value(FUSOR_REDUCE_MEAN)));
    CHECK(std::isnan(value(FUSOR_REDUCE_VARIANCE)));
    CHECK(reduce<float, uint8_t>(kernels, attributes_of(FUSOR_REDUCE_ANY, {1}), x).data ==
          std::vector<uint8_t>{0, 0, 0});
    CHECK(reduce<float, uint8_t>(kernels, attributes_of(FUSOR_REDUCE_ALL, {1}), x).data ==
          std::vector<uint8_t>{1, 1, 1});
    const Array<int32_t> integers({2, 0});
    CHECK(reduce<int32_t, int64_t>(kernels, attributes_of(FUSOR_REDUCE_SUM, {1}), integers).data ==
          std::vector<int64_t>{0, 0});
    CHECK(reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_SUM, {0}), x).data.empty());
    // One number has no unbiased variance.
    CHECK(std::isnan(
        reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_VARIANCE, {0}, 1), Floats({1}, {4.f}))[0]));
    CHECK(reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_VARIANCE, {0}, 0),
                               Floats({1}, {4.f}))[0] == 0);
  });
}

TEST_CASE("a tensor of rank 0 is one element, over dimension 0 or none") {
  on_every_set([](const KernelSet& kernels) {
    const Floats x({}, {3.f});
    for (const std::vector<int32_t>& dims : std::vector<std::vector<int32_t>>{{}, {0}}) {
      CHECK(reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_SUM, dims), x)[0] == 3);
      CHECK(reduce<float, float>(kernels, attributes_of(FUSOR_REDUCE_MAX, dims), x)[0] == 3);
    }
  });
}

namespace {

template <class T>
void check_integers(const KernelSet& kernels) {
  for (const auto& list : {kShapes, kLargeShapes}) {
    for (const auto& shape : list) {
      Array<T> x(shape);
      std::mt19937 generator(6);
      for (T& value : x.data)
        value = static_cast<T>(static_cast<int>(generator() % 7) - (std::is_same_v<T, uint8_t> ? 0 : 3));
      for (const std::vector<int32_t>& dims : subsets(shape)) {
        const auto elements = elements_of(x, dims);
        const auto check = [&](int32_t function, const auto& y) {
          int64_t wrong = 0;
          for (size_t i = 0; i < elements.size(); ++i) {
            wrong += static_cast<double>(y.data[i]) != exact(function, elements[i], 0);
          }
          CAPTURE(function);
          CHECK(wrong == 0);
        };
        check(FUSOR_REDUCE_SUM, reduce<T, int64_t>(kernels, attributes_of(FUSOR_REDUCE_SUM, dims), x));
        check(FUSOR_REDUCE_MAX, reduce<T, T>(kernels, attributes_of(FUSOR_REDUCE_MAX, dims), x));
        check(FUSOR_REDUCE_MIN, reduce<T, T>(kernels, attributes_of(FUSOR_REDUCE_MIN, dims), x));
        check(FUSOR_REDUCE_ANY, reduce<T, uint8_t>(kernels, attributes_of(FUSOR_REDUCE_ANY, dims), x));
        check(FUSOR_REDUCE_ALL, reduce<T, uint8_t>(kernels, attributes_of(FUSOR_REDUCE_ALL, dims), x));
      }
    }
  }
}

}  // namespace

TEST_CASE("integers, exactly; sums and products of narrow ones are wide, and wrap around there") {
  on_every_set([](const KernelSet& kernels) {
    check_integers<uint8_t>(kernels);
    check_integers<int32_t>(kernels);
    check_integers<int64_t>(kernels);
    const Array<int32_t> twos({70}, std::vector<int32_t>(70, 2)),
        large({3}, {INT32_MAX, INT32_MAX, INT32_MAX});
    CHECK(reduce<int32_t, int64_t>(kernels, attributes_of(FUSOR_REDUCE_PROD, {0}), twos)[0] == 0);  // 2^70
    CHECK(reduce<int32_t, int64_t>(kernels, attributes_of(FUSOR_REDUCE_SUM, {0}), large)[0] ==
          3 * int64_t{INT32_MAX});
    const Array<int64_t> most({2}, {INT64_MAX, 1});
    CHECK(reduce<int64_t, int64_t>(kernels, attributes_of(FUSOR_REDUCE_SUM, {0}), most)[0] == INT64_MIN);
    CHECK(reduce<int64_t, int64_t>(kernels, attributes_of(FUSOR_REDUCE_MAX, {0}), most)[0] == INT64_MAX);
  });
}
