// Ops that compute each element from the elements at its place, against float64.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "op_testing.h"
#include "unary/gelu.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

Sizes broadcast(const Sizes& a, const Sizes& b) {
  Sizes result = a.size() > b.size() ? a : b;
  for (size_t i = 1; i <= std::min(a.size(), b.size()); ++i) {
    const int64_t p = a[a.size() - i], q = b[b.size() - i];
    result[result.size() - i] = p == 1 ? q : p;
  }
  return result;
}
double broadcast_at(const Array& x, const Sizes& index) {
  Sizes own(x.sizes.size());
  for (size_t d = 0; d < own.size(); ++d) own[d] = x.sizes[d] == 1 ? 0 : index[index.size() - own.size() + d];
  return x.at(own);
}

double softplus(double x, double beta, double threshold) {
  return beta * x > threshold ? x : std::log1p(std::exp(beta * x)) / beta;
}
double elu(double x, double alpha) {
  return x > 0 ? x : alpha * std::expm1(x);
}
double hard_sigmoid(double x) {
  return std::clamp(x / 6 + 0.5, 0.0, 1.0);
}
double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

struct UnaryCase {
  int32_t function;
  std::function<double(double)> reference;
  double low = -6, high = 6;
  float alpha = 0, beta = 0;
};
const UnaryCase kUnaries[] = {
    {FUSOR_UNARY_RELU, [](double x) { return std::max(x, 0.0); }},
    {FUSOR_UNARY_GELU, [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }},
    {FUSOR_UNARY_GELU_TANH,
     [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }},
    {FUSOR_UNARY_SILU, [](double x) { return x * sigmoid(x); }},
    {FUSOR_UNARY_SIGMOID, sigmoid},
    {FUSOR_UNARY_TANH, [](double x) { return std::tanh(x); }},
    {FUSOR_UNARY_ERF, [](double x) { return std::erf(x); }},
    {FUSOR_UNARY_EXP, [](double x) { return std::exp(x); }},
    {FUSOR_UNARY_LOG, [](double x) { return std::log(x); }, 0.01, 50},
    {FUSOR_UNARY_SQRT, [](double x) { return std::sqrt(x); }, 0, 50},
    {FUSOR_UNARY_RSQRT, [](double x) { return 1 / std::sqrt(x); }, 0.05, 50},
    {FUSOR_UNARY_RECIPROCAL, [](double x) { return 1 / x; }, 0.1, 9},
    {FUSOR_UNARY_ABS, [](double x) { return std::fabs(x); }},
    {FUSOR_UNARY_NEG, [](double x) { return -x; }},
    {FUSOR_UNARY_SQUARE, [](double x) { return x * x; }},
    {FUSOR_UNARY_SIGN, [](double x) { return x > 0   ? 1.0
                                             : x < 0 ? -1.0
                                                     : x; }},
    {FUSOR_UNARY_FLOOR, [](double x) { return std::floor(x); }},
    {FUSOR_UNARY_CEIL, [](double x) { return std::ceil(x); }},
    {FUSOR_UNARY_ROUND, [](double x) { return std::nearbyint(x); }},
    {FUSOR_UNARY_SIN, [](double x) { return std::sin(x); }},
    {FUSOR_UNARY_COS, [](double x) { return std::cos(x); }},
    {FUSOR_UNARY_CLAMP, [](double x) { return std::clamp(x, -1.5, 2.0); }, -6, 6, -1.5f, 2.f},
    {FUSOR_UNARY_LEAKY_RELU, [](double x) { return x > 0 ? x : 0.25 * x; }, -6, 6, 0.25f},
    {FUSOR_UNARY_ELU, [](double x) { return elu(x, 1.5); }, -6, 6, 1.5f},
    {FUSOR_UNARY_SELU, [](double x) { return 1.0507009873554805 * elu(x, 1.6732632423543772); }},
    {FUSOR_UNARY_SOFTPLUS, [](double x) { return softplus(x, 3, 10); }, -6, 6, 3.f, 10.f},
    {FUSOR_UNARY_MISH, [](double x) { return x * std::tanh(softplus(x, 1, 20)); }},
    {FUSOR_UNARY_HARD_SIGMOID, hard_sigmoid},
    {FUSOR_UNARY_HARD_SWISH, [](double x) { return x * hard_sigmoid(x); }},
    {FUSOR_UNARY_LOGICAL_NOT, [](double x) { return x == 0 ? 1.0 : 0.0; }},
    {FUSOR_UNARY_IS_NAN, [](double x) { return std::isnan(x) ? 1.0 : 0.0; }},
};

Array run_unary(const UnaryCase& c, const Array& x, Lie lie) {
  const fusor_unary_attributes a{sizeof a, c.function, c.alpha, c.beta};
  const bool truth = c.function == FUSOR_UNARY_LOGICAL_NOT || c.function == FUSOR_UNARY_IS_NAN;
  return OpCall(FUSOR_OP_UNARY, a).input(x, lie).output(truth ? FUSOR_U8 : x.dtype, x.sizes).run()[0];
}

}  // namespace

TEST_CASE("every unary function equals float64, in every float type") {
  static_assert(std::size(kUnaries) == FUSOR_UNARY_COUNT);
  for (const UnaryCase& c : kUnaries) {
    for (const int32_t dtype : kFloats) {
      INFO("function ", c.function, ", dtype ", dtype);
      Array x = uniform(dtype, {3, 37}, 7, c.low, c.high);
      x.values[5] = c.low > 0 ? 1 : 0;
      const Array expected = map(x, c.reference);
      const double magnitude =
          std::fabs(*std::max_element(expected.values.begin(), expected.values.end(),
                                      [](double a, double b) { return std::fabs(a) < std::fabs(b); }));
      check_array(run_unary(c, x, Lie::row_major), expected, 1.01 * unit_roundoff(dtype),
                  8 * 0x1p-23 * std::max(magnitude, 1.0));
    }
  }
}

TEST_CASE("unary functions on any strides, lengths around a vector and a block, in every schedule") {
  in_every_schedule([] {
    const UnaryCase& square = kUnaries[FUSOR_UNARY_SQUARE];
    for (const int32_t dtype : kFloats) {
      for (const int64_t length : {1, 3, 4, 7, 8, 9, 255, 1025, 4099}) {
        const Array x = integers(dtype, {length}, 3);
        check_array(run_unary(square, x, Lie::row_major), map(x, square.reference), 0, 0);
      }
      for (const Lie lie : {Lie::row_major, Lie::reversed, Lie::last_second, Lie::gaps, Lie::unaligned}) {
        const Array x = integers(dtype, {2, 8, 3, 5}, 4);
        check_array(run_unary(square, x, lie), map(x, square.reference), 0, 0);
      }
    }
  });
}

TEST_CASE("unary functions of integers are exact and wrap around") {
  for (const int32_t dtype : kIntegers) {
    const bool is_signed = dtype != FUSOR_U8;
    const Array x = integers(dtype, {67}, 9, is_signed ? -11 : 0, 15);
    for (const int32_t f :
         {FUSOR_UNARY_RELU, FUSOR_UNARY_ABS, FUSOR_UNARY_SQUARE, FUSOR_UNARY_SIGN, FUSOR_UNARY_FLOOR,
          FUSOR_UNARY_CEIL, FUSOR_UNARY_ROUND, FUSOR_UNARY_LOGICAL_NOT}) {
      INFO("function ", f, ", dtype ", dtype);
      check_array(run_unary(kUnaries[f], x, Lie::row_major), map(x, kUnaries[f].reference), 0, 0);
    }
    const UnaryCase clamp{
        FUSOR_UNARY_CLAMP, [](double v) { return std::clamp(v, 2.0, 9.0); }, 0, 0, 2.5f, 9.f};
    check_array(run_unary(clamp, x, Lie::row_major), map(x, clamp.reference), 0, 0);
    check_array(run_unary(kUnaries[FUSOR_UNARY_NEG], x, Lie::row_major),
                map(x, [&](double v) { return is_signed ? -v
                                              : v == 0  ? 0
                                                        : 256 - v; }), 0, 0);
    const fusor_unary_attributes exp{sizeof exp, FUSOR_UNARY_EXP, 0, 0};
    std::vector<fusor_buffer> outputs;
    CHECK(OpCall(FUSOR_OP_UNARY, exp).input(x).output(dtype, x.sizes).prepare(outputs).code() ==
          FUSOR_ERROR_DTYPE);
  }
}

TEST_CASE("NaN, infinities and zeros") {
  const double nan = NAN, infinity = INFINITY;
  const Array x = generate(FUSOR_F32, {4}, [&](size_t i) {
    return std::vector<double>{nan, infinity, -infinity, 0}[i];
  });
  const auto expect = [&](int32_t f, std::vector<double> values, float alpha = 0, float beta = 0) {
    INFO("function ", f);
    check_array(run_unary({f, {}, 0, 0, alpha, beta}, x, Lie::row_major), Array{FUSOR_F32, {4}, values}, 0,
                0);
  };
  expect(FUSOR_UNARY_RELU, {nan, infinity, 0, 0});
  expect(FUSOR_UNARY_SIGMOID, {nan, 1, 0, 0.5});
  expect(FUSOR_UNARY_TANH, {nan, 1, -1, 0});
  expect(FUSOR_UNARY_EXP, {nan, infinity, 0, 1});
  expect(FUSOR_UNARY_CLAMP, {nan, 2, -1, 0}, -1, 2);
  expect(FUSOR_UNARY_GELU, {nan, infinity, nan, 0});
  expect(FUSOR_UNARY_SIGN, {nan, 1, -1, 0});
  expect(FUSOR_UNARY_LOG, {nan, infinity, nan, -infinity});
}

namespace {

struct BinaryCase {
  int32_t function;
  std::function<double(double, double)> reference;
};
const BinaryCase kBinaries[] = {
    {FUSOR_BINARY_ADD, std::plus<double>()},
    {FUSOR_BINARY_SUB, std::minus<double>()},
    {FUSOR_BINARY_MUL, std::multiplies<double>()},
    {FUSOR_BINARY_DIV, std::divides<double>()},
    {FUSOR_BINARY_FLOOR_DIV, [](double a, double b) { return std::floor(a / b); }},
    {FUSOR_BINARY_REMAINDER, [](double a, double b) { return a - b * std::floor(a / b); }},
    {FUSOR_BINARY_POW, [](double a, double b) { return std::pow(a, b); }},
    {FUSOR_BINARY_MAXIMUM, [](double a, double b) { return std::max(a, b); }},
    {FUSOR_BINARY_MINIMUM, [](double a, double b) { return std::min(a, b); }},
    {FUSOR_BINARY_EQ, std::equal_to<double>()},
    {FUSOR_BINARY_NE, std::not_equal_to<double>()},
    {FUSOR_BINARY_LT, std::less<double>()},
    {FUSOR_BINARY_LE, std::less_equal<double>()},
    {FUSOR_BINARY_GT, std::greater<double>()},
    {FUSOR_BINARY_GE, std::greater_equal<double>()},
    {FUSOR_BINARY_LOGICAL_AND, [](double a, double b) { return a != 0 && b != 0; }},
    {FUSOR_BINARY_LOGICAL_OR, [](double a, double b) { return a != 0 || b != 0; }},
};

void check_binary(const BinaryCase& c, const Array& a, const Array& b, Lie a_lie = Lie::row_major,
                  Lie b_lie = Lie::row_major) {
  INFO("function ", c.function, ", dtype ", a.dtype);
  const fusor_binary_attributes attributes{sizeof attributes, c.function};
  const int32_t dtype = c.function >= FUSOR_BINARY_EQ ? FUSOR_U8 : a.dtype;
  Array expected{dtype, broadcast(a.sizes, b.sizes), {}};
  for_each(expected.sizes, [&](const Sizes& index, size_t) {
    expected.values.push_back(c.reference(broadcast_at(a, index), broadcast_at(b, index)));
  });
  const bool inexact = c.function == FUSOR_BINARY_DIV || c.function == FUSOR_BINARY_POW;
  const double relative = inexact && is_float(a.dtype) ? 1.01 * unit_roundoff(a.dtype) + 4 * 0x1p-23 : 0;
  check_array(OpCall(FUSOR_OP_BINARY, attributes)
                  .input(a, a_lie)
                  .input(b, b_lie)
                  .output(dtype, expected.sizes)
                  .run()[0],
              expected, relative, 0);
}

Array without_zeros(Array x) {
  for (double& value : x.values)
    if (value == 0) value = 3;
  return x;
}

}  // namespace

TEST_CASE("every binary function on small integers, exactly, in every type and under broadcasting") {
  static_assert(std::size(kBinaries) == FUSOR_BINARY_COUNT);
  const std::pair<Sizes, Sizes> shapes[] = {
      {{}, {}},          {{19}, {}},          {{3, 17}, {3, 17}},           {{3, 16}, {16}},
      {{3, 17}, {3, 1}}, {{2, 1, 5}, {4, 1}}, {{2, 3, 4, 8}, {1, 3, 1, 1}}, {{0, 3}, {1, 3}}};
  for (const BinaryCase& c : kBinaries) {
    for (int32_t dtype = 0; dtype < FUSOR_DTYPE_COUNT; ++dtype) {
      if (c.function == FUSOR_BINARY_DIV && !is_float(dtype)) continue;
      for (const auto& [p, q] : shapes) {
        // How operands are walked does not depend on the function.
        if (c.function != FUSOR_BINARY_ADD && p != Sizes{3, 17} && p != Sizes{2, 1, 5}) continue;
        // Results stay in range of u8 and of f16's exact integers.
        const bool natural = dtype == FUSOR_U8 || c.function == FUSOR_BINARY_POW;
        const int low = c.function == FUSOR_BINARY_SUB && dtype == FUSOR_U8 ? 6 : natural ? 0 : -6;
        const Array a = integers(dtype, p, 1, low, c.function == FUSOR_BINARY_POW ? 3 : 9);
        const Array b = without_zeros(integers(dtype, q, 2, natural ? 0 : -5, 4));
        check_binary(c, a, b);
      }
    }
  }
}

TEST_CASE("binary operands of any strides, in every schedule") {
  in_every_schedule([] {
    const Lie lies[] = {Lie::row_major, Lie::reversed, Lie::last_second, Lie::gaps, Lie::unaligned};
    for (const Lie p : lies) {
      for (const Lie q : lies)
        check_binary(kBinaries[FUSOR_BINARY_SUB], integers(FUSOR_BF16, {2, 8, 3, 5}, 1),
                     integers(FUSOR_BF16, {2, 8, 3, 5}, 2), p, q);
      check_binary(kBinaries[FUSOR_BINARY_ADD], integers(FUSOR_F32, {2, 8, 3, 5}, 1),
                   integers(FUSOR_F32, {8, 1, 1}, 2), p);
    }
  });
}

TEST_CASE("division by zero, the least integer, NaN") {
  const fusor_binary_attributes floor_div{sizeof floor_div, FUSOR_BINARY_FLOOR_DIV};
  const Array a{FUSOR_I32, {3}, {7, -7, -2147483648.0}}, b{FUSOR_I32, {3}, {0, 0, -1}};
  check_array(OpCall(FUSOR_OP_BINARY, floor_div).input(a).input(b).output(FUSOR_I32, {3}).run()[0],
              {FUSOR_I32, {3}, {0, 0, -2147483648.0}}, 0, 0);
  const fusor_binary_attributes remainder{sizeof remainder, FUSOR_BINARY_REMAINDER};
  check_array(OpCall(FUSOR_OP_BINARY, remainder).input(a).input(b).output(FUSOR_I32, {3}).run()[0],
              {FUSOR_I32, {3}, {0, 0, 0}}, 0, 0);
  for (const int32_t function : {FUSOR_BINARY_MAXIMUM, FUSOR_BINARY_MINIMUM}) {
    const fusor_binary_attributes extreme{sizeof extreme, function};
    const Array p{FUSOR_F32, {2}, {NAN, 1}}, q{FUSOR_F32, {2}, {1, NAN}};
    check_array(OpCall(FUSOR_OP_BINARY, extreme).input(p).input(q).output(FUSOR_F32, {2}).run()[0],
                {FUSOR_F32, {2}, {NAN, NAN}}, 0, 0);
  }
  const fusor_binary_attributes div{sizeof div, FUSOR_BINARY_DIV};
  std::vector<fusor_buffer> outputs;
  CHECK(OpCall(FUSOR_OP_BINARY, div).input(a).input(b).output(FUSOR_I32, {3}).prepare(outputs).code() ==
        FUSOR_ERROR_DTYPE);
}

TEST_CASE("where picks from broadcast tensors of any type") {
  for (int32_t dtype = 0; dtype < FUSOR_DTYPE_COUNT; ++dtype) {
    for (const Lie lie : {Lie::row_major, Lie::reversed, Lie::gaps}) {
      const Array condition = integers(FUSOR_U8, {4, 1}, 1, 0, 1), a = integers(dtype, {4, 16}, 2, 0, 9),
                  b = integers(dtype, {16}, 3, 0, 9);
      Array expected{dtype, {4, 16}, {}};
      for_each(expected.sizes, [&](const Sizes& index, size_t) {
        expected.values.push_back(
            condition.values[static_cast<size_t>(index[0])] != 0 ? a.at(index) : broadcast_at(b, index));
      });
      check_array(OpCall(FUSOR_OP_WHERE, nullptr)
                      .input(condition)
                      .input(a, lie)
                      .input(b)
                      .output(dtype, {4, 16})
                      .run()[0],
                  expected, 0, 0);
    }
  }
}

TEST_CASE("residual add applies its activation to the sum") {
  for (const int32_t dtype : kFloats) {
    for (const Lie lie : {Lie::row_major, Lie::last_second, Lie::gaps}) {
      const Array x = uniform(dtype, {2, 8, 3, 5}, 1, -3, 3), r = uniform(dtype, {2, 8, 3, 5}, 2, -3, 3);
      const std::pair<fusor_activation, std::function<double(double)>> activations[] = {
          {{FUSOR_ACTIVATION_NONE, 0, 0}, [](double v) { return v; }},
          {{FUSOR_ACTIVATION_RELU, 0, 0}, kUnaries[FUSOR_UNARY_RELU].reference},
          {{FUSOR_ACTIVATION_GELU, 0, 0}, kUnaries[FUSOR_UNARY_GELU].reference},
          {{FUSOR_ACTIVATION_GELU_TANH, 0, 0}, kUnaries[FUSOR_UNARY_GELU_TANH].reference},
          {{FUSOR_ACTIVATION_SILU, 0, 0}, kUnaries[FUSOR_UNARY_SILU].reference},
          {{FUSOR_ACTIVATION_CLAMP, -0.5f, 1.f}, [](double v) { return std::clamp(v, -0.5, 1.0); }}};
      for (const auto& [activation, reference] : activations) {
        const fusor_residual_add_attributes a{sizeof a, activation};
        Array expected = x;
        for (size_t i = 0; i < x.values.size(); ++i)
          expected.values[i] = reference(x.values[i] + r.values[i]);
        check_array(OpCall(FUSOR_OP_RESIDUAL_ADD, a).input(x, lie).input(r).output(dtype, x.sizes).run()[0],
                    expected, 1.01 * unit_roundoff(dtype), 2e-6);
      }
    }
  }
}

TEST_CASE("convert: every pair of types, truncated and saturated") {
  const double values[] = {0,   1,    -1,  2.5,  -2.5, 254.75, 300,      -300,      65504,
                           1e9, -1e9, 3e9, -3e9, 1e19, -1e19,  INFINITY, -INFINITY, NAN};
  const auto expected = [](int32_t from, int32_t to, double x) {
    if (is_float(to)) return rounded(to, x);
    const double least = to == FUSOR_U8 ? 0 : to == FUSOR_I32 ? -2147483648.0 : -0x1p63;
    const double most = to == FUSOR_U8 ? 255 : to == FUSOR_I32 ? 2147483647.0 : 0x1p63;
    if (is_float(from)) return std::isnan(x) ? 0.0 : std::trunc(std::clamp(x, least, most));
    // Integers keep their low bits.
    const auto bits = static_cast<int64_t>(x);
    return to == FUSOR_U8    ? static_cast<double>(static_cast<uint8_t>(bits))
           : to == FUSOR_I32 ? static_cast<double>(static_cast<int32_t>(bits))
                             : x;
  };
  for (int32_t from = 0; from < FUSOR_DTYPE_COUNT; ++from) {
    Array x{from, {static_cast<int64_t>(std::size(values))}, {}};
    for (const double value : values) {
      const double limit = from == FUSOR_U8 ? 255 : from == FUSOR_I32 ? 2147483647.0 : 0x1p62;
      const bool fits = std::isfinite(value) && std::fabs(value) <= limit && (from != FUSOR_U8 || value >= 0);
      x.values.push_back(is_float(from) || fits ? rounded(from, value) : 7);
    }
    for (int32_t to = 0; to < FUSOR_DTYPE_COUNT; ++to) {
      INFO("from ", from, " to ", to);
      const fusor_convert_attributes a{sizeof a, to};
      const Array wanted = map(x, [&](double v) { return expected(from, to, v); });
      for (const Lie lie : {Lie::row_major, Lie::gaps})
        check_array(OpCall(FUSOR_OP_CONVERT, a).input(x, lie).output(to, x.sizes).run()[0], wanted, 0, 0);
    }
  }
}

TEST_CASE_TEMPLATE("GELU of every 16-bit number is one rounding away from float64", T, bf16, f16) {
  for (int bits = 0; bits < 65536; ++bits) {
    const auto pattern = static_cast<uint16_t>(bits);
    T element;
    std::memcpy(&element, &pattern, sizeof element);
    const float x = to_float(element), got = gelu_in_16_bits(x);
    const double expected = x * (0.5 * std::erfc(-x * std::sqrt(0.5)));
    INFO("x ", x, ", got ", got, ", expected ", expected);
    if (std::isnan(expected)) {
      CHECK(std::isnan(got));
    } else if (std::isinf(expected)) {
      CHECK(got == expected);
    } else {
      // 5e-6 of the fit, as much of the exponential's argument, and what floats lose below 2^-126.
      REQUIRE(std::fabs(got - expected) <= 2e-5 * std::fabs(expected) + 0x1p-126);
    }
  }
}
