#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/residual_add/residual_add.h"

#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

double activated(const fusor_activation& activation, double x) {
  switch (activation.kind) {
    case FUSOR_ACTIVATION_RELU:
      return std::max(x, 0.0);
    case FUSOR_ACTIVATION_GELU:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case FUSOR_ACTIVATION_GELU_TANH:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case FUSOR_ACTIVATION_SILU:
      return x / (1 + std::exp(-x));
    case FUSOR_ACTIVATION_CLAMP:
      return std::min(std::max(x, static_cast<double>(activation.low)), static_cast<double>(activation.high));
    default:
      return x;
  }
}

const fusor_activation kActivations[] = {{FUSOR_ACTIVATION_NONE, 0, 0}, {FUSOR_ACTIVATION_RELU, 0, 0},
                                         {FUSOR_ACTIVATION_GELU, 0, 0}, {FUSOR_ACTIVATION_GELU_TANH, 0, 0},
                                         {FUSOR_ACTIVATION_SILU, 0, 0}, {FUSOR_ACTIVATION_CLAMP, -2, 6},
                                         {FUSOR_ACTIVATION_CLAMP, 1, 6}};

Floats run(const KernelSet& kernels, const fusor_activation& activation, const fusor_buffer& x,
           const fusor_buffer& residual, std::vector<int64_t> shape, bool blocked = false) {
  Floats y(std::move(shape));
  fusor_buffer output = y.buffer();
  const fusor_residual_add_attributes attributes{sizeof attributes, activation};
  run_op(kernels, residual_add_op, &attributes, {&x, &residual}, {&output}, blocked);
  return y;
}

}  // namespace

TEST_CASE("the sum and its activation, on ragged shapes, strided and blocked alike") {
  on_every_set([](const KernelSet& kernels) {
    for (const fusor_activation& activation : kActivations) {
      for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
               {}, {0}, {7}, {33, 67}, {2, 19, 3, 5}, {1, 16, 4, 4}, {3, 5, 40, 41}}) {
        const Floats x = small_integers(shape, 1), residual = small_integers(shape, 2);
        const Floats y = run(kernels, activation, x.buffer(), residual.buffer(), shape);
        int64_t wrong = 0;
        for (int64_t i = 0; i < y.size(); ++i) {
          wrong += !close(y[i],
                          activated(activation, static_cast<double>(x[i]) + static_cast<double>(residual[i])),
                          2e-6);
        }
        CHECK(wrong == 0);
        if (shape.size() != 4) continue;
        const Floats blocked = run(kernels, activation, x.buffer(), residual.buffer(), shape, true);
        CHECK(std::memcmp(y.data.data(), blocked.data.data(), y.data.size() * sizeof(float)) == 0);
      }
    }
  });
}

TEST_CASE("expanded and transposed operands") {
  on_every_set([](const KernelSet& kernels) {
    const Floats x = small_integers({50, 60}, 3), residual = small_integers({60, 50}, 4);
    fusor_buffer transposed = residual.buffer();
    std::swap(transposed.sizes[0], transposed.sizes[1]);
    std::swap(transposed.strides[0], transposed.strides[1]);
    fusor_buffer expanded = x.buffer();
    expanded.strides[1] = 0;  // the first number of every row
    const Floats y = run(kernels, kActivations[1], expanded, transposed, {50, 60});
    int64_t wrong = 0;
    for (int64_t i = 0; i < 50; ++i) {
      for (int64_t j = 0; j < 60; ++j)
        wrong += y[i * 60 + j] != std::max(x[i * 60] + residual[j * 50 + i], 0.f);
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE("NaN in either operand passes through ReLU") {
  on_every_set([](const KernelSet& kernels) {
    Floats x({3}, {NAN, 1, 2}), residual({3}, {1, NAN, -5});
    const Floats y = run(kernels, kActivations[1], x.buffer(), residual.buffer(), {3});
    CHECK(std::isnan(y[0]));
    CHECK(std::isnan(y[1]));
    CHECK(y[2] == 0);
  });
}
