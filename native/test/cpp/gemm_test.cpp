// linear and matmul against sums in double.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/gemm/gemm.h"

#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

// Each product and addition of a sum of k terms may lose half a unit in the last place of the terms' absolute
// sum.
double tolerance_of(double absolute_sum, int64_t k) {
  return (static_cast<double>(k) + 4) * 6e-8 * absolute_sum + 1e-30;
}

struct Shape {
  int64_t m, n, k;
};
const Shape kShapes[] = {{1, 1, 1},     {1, 1000, 512}, {2, 3, 5},      {4, 17, 33},
                         {7, 31, 1},    {8, 64, 64},    {9, 65, 127},   {13, 129, 300},
                         {14, 32, 257}, {100, 47, 97},  {169, 130, 64}, {5, 7, 0}};

void check_linear(const KernelSet& kernels, const Shape& s, bool integers, int32_t activation) {
  CAPTURE(s.m);
  CAPTURE(s.n);
  CAPTURE(s.k);
  CAPTURE(activation);
  const auto make =
      integers ? [](std::vector<int64_t> shape, uint32_t seed) { return small_integers(shape, seed); }
               : [](std::vector<int64_t> shape, uint32_t seed) { return random_floats(shape, seed); };
  const Floats x = make({s.m, s.k}, 1), weight = make({s.n, s.k}, 2), bias = make({s.n}, 3),
               residual = make({s.m, s.n}, 4);
  Floats y({s.m, s.n});
  const fusor_buffer bx = x.buffer(), bw = weight.buffer(), bb = bias.buffer(), br = residual.buffer();
  fusor_buffer by = y.buffer();
  const fusor_linear_attributes attributes{sizeof attributes, {activation, -1.f, 2.f}};
  run_op(kernels, linear_op, &attributes, {&bx, &bw, &bb, &br}, {&by});
  for (int64_t i = 0; i < s.m; ++i)
    for (int64_t j = 0; j < s.n; ++j) {
      double sum = bias[j] + residual[i * s.n + j],
             absolute = std::abs(bias[j]) + std::abs(residual[i * s.n + j]);
      for (int64_t k = 0; k < s.k; ++k) {
        const double term = static_cast<double>(x[i * s.k + k]) * weight[j * s.k + k];
        sum += term;
        absolute += std::abs(term);
      }
      if (activation == FUSOR_ACTIVATION_RELU) sum = std::max(sum, 0.0);
      if (activation == FUSOR_ACTIVATION_CLAMP) sum = std::min(std::max(sum, -1.0), 2.0);
      if (activation == FUSOR_ACTIVATION_SILU) sum = sum / (1 + std::exp(-sum));
      if (integers && activation != FUSOR_ACTIVATION_SILU)
        REQUIRE(y[i * s.n + j] == static_cast<float>(sum));
      else
        REQUIRE(close(y[i * s.n + j], sum, tolerance_of(absolute, s.k)));
    }
}

}  // namespace

TEST_CASE("linear with bias, residual and activation: exact on small integers, within rounding on reals") {
  on_every_set([](const KernelSet& kernels) {
    for (const Shape& shape : kShapes)
      for (int32_t activation :
           {FUSOR_ACTIVATION_NONE, FUSOR_ACTIVATION_RELU, FUSOR_ACTIVATION_CLAMP, FUSOR_ACTIVATION_SILU}) {
        check_linear(kernels, shape, true, activation);
        check_linear(kernels, shape, false, activation);
      }
  });
}

TEST_CASE("a row's result does not depend on the other rows, within one path") {
  on_every_set([](const KernelSet& kernels) {
    const Floats many = random_floats({37, 100}, 5), weight = random_floats({50, 100}, 6);
    Floats swapped = many;
    for (int64_t row = 0; row < 37; ++row)
      std::copy_n(&many.data[static_cast<size_t>((36 - row) * 100)], 100,
                  &swapped.data[static_cast<size_t>(row * 100)]);
    Floats a({37, 50}), b({37, 50});
    const fusor_buffer bm = many.buffer(), bs = swapped.buffer(), bw = weight.buffer();
    fusor_buffer ba = a.buffer(), bb = b.buffer();
    const fusor_linear_attributes attributes{sizeof attributes, {}};
    run_op(kernels, linear_op, &attributes, {&bm, &bw, nullptr, nullptr}, {&ba});
    run_op(kernels, linear_op, &attributes, {&bs, &bw, nullptr, nullptr}, {&bb});
    for (int64_t row = 0; row < 37; ++row)
      for (int64_t j = 0; j < 50; ++j) REQUIRE(a[row * 50 + j] == b[(36 - row) * 50 + j]);
  });
}

TEST_CASE("matmul broadcasts batches and takes transposed views") {
  on_every_set([](const KernelSet& kernels) {
    for (const Shape& s : kShapes) {
      CAPTURE(s.m);
      CAPTURE(s.n);
      CAPTURE(s.k);
      // a [2, 1, m, k] and b [3, k, n], b stored as [3, n, k].
      const Floats a = small_integers({2, 1, s.m, s.k}, 7), b = small_integers({3, s.n, s.k}, 8);
      Floats c({2, 3, s.m, s.n});
      const fusor_buffer ba = a.buffer();
      fusor_buffer bb = b.buffer(), bc = c.buffer();
      std::swap(bb.sizes[1], bb.sizes[2]);
      std::swap(bb.strides[1], bb.strides[2]);
      run_op(kernels, matmul_op, nullptr, {&ba, &bb}, {&bc});
      for (int64_t p = 0; p < 2; ++p)
        for (int64_t q = 0; q < 3; ++q)
          for (int64_t i = 0; i < s.m; ++i)
            for (int64_t j = 0; j < s.n; ++j) {
              double sum = 0;
              for (int64_t k = 0; k < s.k; ++k)
                sum += static_cast<double>(a[(p * s.m + i) * s.k + k]) * b[(q * s.n + j) * s.k + k];
              REQUIRE(c[((p * 3 + q) * s.m + i) * s.n + j] == static_cast<float>(sum));
            }
    }
  });
}
