// Softmax and its logarithm against their formulas in double.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/softmax/softmax.h"

#include <limits>

#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

Floats softmax(const KernelSet& kernels, const Floats& x, int32_t dim, bool log) {
  Floats y(x.shape);
  const fusor_buffer bx = x.buffer();
  fusor_buffer by = y.buffer();
  const fusor_softmax_attributes attributes{sizeof attributes, dim, log};
  run_op(kernels, softmax_op, &attributes, {&bx}, {&by});
  return y;
}

}  // namespace

TEST_CASE("rows of any width and number, far from zero too") {
  on_every_set([](const KernelSet& kernels) {
    for (int64_t width : {1, 2, 3, 7, 15, 16, 17, 63, 64, 65, 127, 128, 768, 1024, 1025, 8191, 8193})
      for (int64_t rows : {1, 2, 3, 5})
        for (float offset : {0.f, 1000.f}) {
          CAPTURE(width);
          CAPTURE(rows);
          CAPTURE(offset);
          Floats x = random_floats({rows, width}, 1, 3.f);
          for (float& v : x.data) v += offset;
          const Floats y = softmax(kernels, x, 1, false), logarithm = softmax(kernels, x, 1, true);
          for (int64_t row = 0; row < rows; ++row) {
            const float* const begin = x.data.data() + row * width;
            const double greatest = *std::max_element(begin, begin + width);
            double sum = 0;
            for (int64_t i = 0; i < width; ++i) sum += std::exp(begin[i] - greatest);
            for (int64_t i = 0; i < width; ++i) {
              const double expected = begin[i] - greatest - std::log(sum);
              REQUIRE(close(y[row * width + i], std::exp(expected), 2e-6 * std::exp(expected)));
              REQUIRE(close(logarithm[row * width + i], expected, 4e-7 * (1 + std::abs(expected))));
            }
          }
        }
  });
}

TEST_CASE("columns") {
  on_every_set([](const KernelSet& kernels) {
    const Floats x = random_floats({2, 5, 19}, 2, 3.f);
    const Floats y = softmax(kernels, x, 1, false), logarithm = softmax(kernels, x, 1, true);
    for (int64_t outer = 0; outer < 2; ++outer)
      for (int64_t inner = 0; inner < 19; ++inner) {
        double sum = 0;
        for (int64_t i = 0; i < 5; ++i) sum += std::exp(double{x[(outer * 5 + i) * 19 + inner]});
        for (int64_t i = 0; i < 5; ++i) {
          const int64_t at = (outer * 5 + i) * 19 + inner;
          REQUIRE(close(y[at], std::exp(double{x[at]}) / sum, 1e-6));
          REQUIRE(close(logarithm[at], x[at] - std::log(sum), 4e-6));
        }
      }
  });
}

TEST_CASE("NaN, +inf and nothing but -inf give NaN in their row alone; -inf beside others gives 0") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  on_every_set([&](const KernelSet& kernels) {
    for (int64_t width : {1, 16, 37, 130})
      for (int64_t at : {int64_t{0}, width / 2, width - 1}) {
        Floats x = random_floats({5, width}, 3);
        x[width + at] = kNaN;
        x[2 * width + at] = kInfinity;
        for (int64_t i = 0; i < width; ++i) x[3 * width + i] = -kInfinity;
        if (width > 1) x[4 * width + at] = -kInfinity;
        const Floats y = softmax(kernels, x, 1, false);
        for (int64_t i = 0; i < width; ++i) {
          CHECK(std::isfinite(y[i]));
          CHECK(std::isnan(y[width + i]));
          CHECK(std::isnan(y[3 * width + i]));
          CHECK(std::isfinite(y[4 * width + i]));
        }
        CHECK(std::isnan(y[2 * width + at]));
        if (width > 1) CHECK(y[4 * width + at] == 0.f);
      }
  });
}
