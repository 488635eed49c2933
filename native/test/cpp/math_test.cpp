// The elementary functions of simd/math.h, through the unary op's kernels, against double precision: every
// exponent, both signs, some thousands of mantissas each.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <bit>
#include <functional>

#include "cpu/unary/unary.h"
#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

// All floats whose bits are multiples of 2003 (a prime: mantissas differ from exponent to exponent): 2.1
// million.
std::vector<float> sweep() {
  std::vector<float> values;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 2003) {
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  }
  for (const float special : {0.f, -0.f, 1.f, -1.f, INFINITY, -INFINITY, NAN, 1e-45f, -1e-45f, 3.4028235e38f,
                              88.72283f, 88.722839f, -87.33654f, -103.97f, -104.f}) {
    values.push_back(special);
  }
  return values;
}

// Distance in units of the last place of `exact`, which for tiny numbers is the least denormal.
double ulps(float actual, double exact) {
  if (std::isnan(exact)) return std::isnan(actual) ? 0 : INFINITY;
  const double bound = 3.4028235677973366e38;  // from here on f32 rounds to infinity
  if (std::abs(exact) >= bound) return actual == (exact > 0 ? INFINITY : -INFINITY) ? 0 : INFINITY;
  if (!std::isfinite(actual)) return std::isinf(actual) && std::abs(exact) > 3.402823e38 ? 1 : INFINITY;
  const int exponent = std::max(exact == 0 ? -126 : std::ilogb(exact), -126);
  return std::abs(actual - exact) / std::ldexp(1.0, exponent - 23);
}

struct Worst {
  double error = 0;
  float argument = 0, result = 0;
};

Worst worst_of(const KernelSet& kernels, int32_t function, float alpha, float beta,
               const std::function<double(double)>& exact, float low = -INFINITY, float high = INFINITY) {
  std::vector<float> x;
  for (const float value : sweep()) {
    if (!(value < low || value > high)) x.push_back(value);
  }
  std::vector<float> y(x.size());
  kernels.unary->apply(function, alpha, beta, x.data(), y.data(), static_cast<int64_t>(x.size()));
  Worst worst;
  for (size_t i = 0; i < x.size(); ++i) {
    const double error = ulps(y[i], exact(x[i]));
    if (error > worst.error) worst = {error, x[i], y[i]};
  }
  return worst;
}

double normal_distribution(double x) {
  return 0.5 * std::erfc(-x * std::sqrt(0.5));
}
double softplus(double x) {
  return x > 20 ? x : std::log1p(std::exp(x));
}

}  // namespace

#define CHECK_WORST(bound, ...)                         \
  do {                                                  \
    const Worst worst = worst_of(kernels, __VA_ARGS__); \
    CAPTURE(worst.argument);                            \
    CAPTURE(worst.result);                              \
    CHECK(worst.error <= bound);                        \
  } while (false)

TEST_CASE("exp, log, erf, tanh, sigmoid, sin and cos are within a few units in the last place everywhere") {
  on_every_set([](const KernelSet& kernels) {
    CHECK_WORST(1.0, FUSOR_UNARY_EXP, 0, 0, [](double x) { return std::exp(x); });
    CHECK_WORST(0.8, FUSOR_UNARY_LOG, 0, 0, [](double x) { return std::log(x); });
    CHECK_WORST(1.2, FUSOR_UNARY_ERF, 0, 0, [](double x) { return std::erf(x); });
    CHECK_WORST(2.5, FUSOR_UNARY_TANH, 0, 0, [](double x) { return std::tanh(x); });
    CHECK_WORST(2.1, FUSOR_UNARY_SIGMOID, 0, 0, [](double x) { return 1 / (1 + std::exp(-x)); });
    CHECK_WORST(1.5, FUSOR_UNARY_SIN, 0, 0, [](double x) { return std::sin(x); });
    CHECK_WORST(1.5, FUSOR_UNARY_COS, 0, 0, [](double x) { return std::cos(x); });
  });
}

TEST_CASE("roots, reciprocals and rounding are right to the last place") {
  on_every_set([](const KernelSet& kernels) {
    CHECK_WORST(0.5, FUSOR_UNARY_SQRT, 0, 0, [](double x) { return std::sqrt(x); });
    CHECK_WORST(1.5, FUSOR_UNARY_RSQRT, 0, 0, [](double x) { return 1 / std::sqrt(x); });
    CHECK_WORST(0.5, FUSOR_UNARY_RECIPROCAL, 0, 0, [](double x) { return 1 / x; });
    CHECK_WORST(0.5, FUSOR_UNARY_SQUARE, 0, 0, [](double x) { return x * x; });
    CHECK_WORST(0, FUSOR_UNARY_FLOOR, 0, 0, [](double x) { return std::floor(x); });
    CHECK_WORST(0, FUSOR_UNARY_CEIL, 0, 0, [](double x) { return std::ceil(x); });
    CHECK_WORST(0, FUSOR_UNARY_ROUND, 0, 0, [](double x) { return std::nearbyint(x); });
    CHECK_WORST(0, FUSOR_UNARY_ABS, 0, 0, [](double x) { return std::abs(x); });
    CHECK_WORST(0, FUSOR_UNARY_NEG, 0, 0, [](double x) { return -x; });
    CHECK_WORST(0, FUSOR_UNARY_RELU, 0, 0, [](double x) { return x < 0 ? 0 : x; });
  });
}

TEST_CASE("activations made from them keep their relative accuracy, in the tails too") {
  on_every_set([](const KernelSet& kernels) {
    // Far below -13 the normal distribution is denormal; x times a denormal has its relative error.
    CHECK_WORST(
        5.5, FUSOR_UNARY_GELU, 0, 0, [](double x) { return x * normal_distribution(x); }, -12.f, 3e38f);
    CHECK_WORST(
        3.5, FUSOR_UNARY_SILU, 0, 0, [](double x) { return x / (1 + std::exp(-x)); }, -80.f, 3e38f);
    CHECK_WORST(3.5, FUSOR_UNARY_ELU, 1, 0, [](double x) { return x > 0 ? x : std::expm1(x); });
    CHECK_WORST(4, FUSOR_UNARY_SOFTPLUS, 1, 20, softplus);
    CHECK_WORST(
        8, FUSOR_UNARY_MISH, 0, 0, [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }, -80.f,
        80.f);
  });
}
