// What unary functions mean, on every dtype, layout and stride; their accuracy is math_test.cpp's.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/unary/unary.h"

#include <functional>
#include <limits>

#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

template <class T, class R>
Array<R> run(const KernelSet& kernels, const fusor_unary_attributes& attributes, const fusor_buffer& input,
             std::vector<int64_t> shape, bool blocked = false) {
  Array<R> y(std::move(shape));
  fusor_buffer output = y.buffer();
  run_op(kernels, unary_op, &attributes, {&input}, {&output}, blocked);
  return y;
}

fusor_unary_attributes function_of(int32_t function, float alpha = 0, float beta = 0) {
  return {sizeof(fusor_unary_attributes), function, alpha, beta};
}

struct Function {
  fusor_unary_attributes attributes;
  std::function<double(double)> exact;
};
double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double elu(double x, double alpha) {
  return x > 0 ? x : alpha * std::expm1(x);
}
double hard_sigmoid(double x) {
  return std::min(std::max(x / 6 + 0.5, 0.0), 1.0);
}

// The formulas of PyTorch's pages, on numbers of moderate size.
const Function kFunctions[] = {
    {function_of(FUSOR_UNARY_RELU), [](double x) { return std::max(x, 0.0); }},
    {function_of(FUSOR_UNARY_GELU), [](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); }},
    {function_of(FUSOR_UNARY_GELU_TANH),
     [](double x) {
       return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
     }},
    {function_of(FUSOR_UNARY_SILU), [](double x) { return x * sigmoid(x); }},
    {function_of(FUSOR_UNARY_SIGMOID), sigmoid},
    {function_of(FUSOR_UNARY_TANH), [](double x) { return std::tanh(x); }},
    {function_of(FUSOR_UNARY_ERF), [](double x) { return std::erf(x); }},
    {function_of(FUSOR_UNARY_EXP), [](double x) { return std::exp(x); }},
    {function_of(FUSOR_UNARY_LOG), [](double x) { return std::log(x); }},
    {function_of(FUSOR_UNARY_SQRT), [](double x) { return std::sqrt(x); }},
    {function_of(FUSOR_UNARY_RSQRT), [](double x) { return 1 / std::sqrt(x); }},
    {function_of(FUSOR_UNARY_RECIPROCAL), [](double x) { return 1 / x; }},
    {function_of(FUSOR_UNARY_ABS), [](double x) { return std::abs(x); }},
    {function_of(FUSOR_UNARY_NEG), [](double x) { return -x; }},
    {function_of(FUSOR_UNARY_SQUARE), [](double x) { return x * x; }},
    {function_of(FUSOR_UNARY_SIGN), [](double x) { return std::isnan(x) ? x : (x > 0) - (x < 0); }},
    {function_of(FUSOR_UNARY_FLOOR), [](double x) { return std::floor(x); }},
    {function_of(FUSOR_UNARY_CEIL), [](double x) { return std::ceil(x); }},
    {function_of(FUSOR_UNARY_ROUND), [](double x) { return std::nearbyint(x); }},
    {function_of(FUSOR_UNARY_SIN), [](double x) { return std::sin(x); }},
    {function_of(FUSOR_UNARY_COS), [](double x) { return std::cos(x); }},
    {function_of(FUSOR_UNARY_CLAMP, -1.5f, 0.25f),
     [](double x) { return std::min(std::max(x, -1.5), 0.25); }},
    {function_of(FUSOR_UNARY_LEAKY_RELU, 0.125f), [](double x) { return x > 0 ? x : 0.125 * x; }},
    {function_of(FUSOR_UNARY_ELU, 1.5f), [](double x) { return elu(x, 1.5); }},
    {function_of(FUSOR_UNARY_SELU), [](double x) { return 1.0507009873554805 * elu(x, 1.6732632423543772); }},
    {function_of(FUSOR_UNARY_SOFTPLUS, 2, 20),
     [](double x) { return 2 * x > 20 ? x : std::log1p(std::exp(2 * x)) / 2; }},
    {function_of(FUSOR_UNARY_MISH), [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }},
    {function_of(FUSOR_UNARY_HARD_SIGMOID), hard_sigmoid},
    {function_of(FUSOR_UNARY_HARD_SWISH), [](double x) { return x * hard_sigmoid(x); }},
};

}  // namespace

TEST_CASE("every function by its formula, on ragged sizes; NaN stays NaN") {
  on_every_set([](const KernelSet& kernels) {
    for (const Function& f : kFunctions) {
      CAPTURE(f.attributes.function);
      for (const int64_t count : {0, 1, 3, 8, 17, 100, 1021, 40'001}) {
        Floats x = random_floats({count}, 3, 2.f);
        if (count > 3) x[1] = 0.f, x[2] = NAN, x[3] = 2.5f;
        const Floats y = run<float, float>(kernels, f.attributes, x.buffer(), {count});
        double worst = 0;
        for (int64_t i = 0; i < count; ++i) {
          const double expected = std::isnan(x[i]) ? NAN : f.exact(x[i]);
          if (!close(y[i], expected, 1e-6 * std::max(1.0, std::abs(expected)))) worst = 1;
        }
        CHECK(worst == 0);
      }
    }
  });
}

TEST_CASE("transposed, stepped, expanded and rank 0 inputs") {
  on_every_set([](const KernelSet& kernels) {
    const fusor_unary_attributes negate = function_of(FUSOR_UNARY_NEG);
    const Floats base = random_floats({70, 90}, 4);
    fusor_buffer view = base.buffer();
    std::swap(view.sizes[0], view.sizes[1]);
    std::swap(view.strides[0], view.strides[1]);
    const Floats transposed = run<float, float>(kernels, negate, view, {90, 70});
    int64_t wrong = 0;
    for (int64_t i = 0; i < 90; ++i) {
      for (int64_t j = 0; j < 70; ++j) wrong += transposed[i * 70 + j] != -base[j * 90 + i];
    }
    CHECK(wrong == 0);

    view = base.buffer();  // every third column from the second on
    view.sizes[1] = 29;
    view.strides[1] = 3;
    view.byte_offset = 4;
    const Floats stepped = run<float, float>(kernels, negate, view, {70, 29});
    for (int64_t i = 0; i < 70; ++i) {
      for (int64_t j = 0; j < 29; ++j) wrong += stepped[i * 29 + j] != -base[i * 90 + 1 + 3 * j];
    }
    CHECK(wrong == 0);

    view = base.buffer();  // one row, repeated
    view.strides[0] = 0;
    const Floats rows = run<float, float>(kernels, negate, view, {70, 90});
    for (int64_t i = 0; i < rows.size(); ++i) wrong += rows[i] != -base[i % 90];
    view.strides[1] = 0;  // one number
    const Floats numbers = run<float, float>(kernels, negate, view, {70, 90});
    for (int64_t i = 0; i < numbers.size(); ++i) wrong += numbers[i] != -base[0];
    CHECK(wrong == 0);

    const Floats number({}, {2.f});
    CHECK(run<float, float>(kernels, negate, number.buffer(), {})[0] == -2.f);
  });
}

TEST_CASE("blocked images give the same, with zeros in the halo and the padding lanes") {
  on_every_set([](const KernelSet& kernels) {
    for (const Function& f : kFunctions) {
      CAPTURE(f.attributes.function);
      const Floats x = random_floats({2, 19, 3, 5}, 5);
      const Floats strided = run<float, float>(kernels, f.attributes, x.buffer(), x.shape);
      const Floats blocked = run<float, float>(kernels, f.attributes, x.buffer(), x.shape, true);
      CHECK(std::memcmp(strided.data.data(), blocked.data.data(), strided.data.size() * sizeof(float)) == 0);

      fusor_buffer image = x.buffer();
      describe_blocked(image, kernels.lanes, Halo{1, 0, 2, 1});
      std::vector<float> memory(static_cast<size_t>(image.byte_size) / sizeof(float), 0.f),
          result(memory.size(), 7.f);
      image.data = memory.data();
      fusor_buffer output = x.buffer();
      const fusor_buffer* inputs[] = {&image};
      fusor_buffer* outputs[] = {&output};
      const fusor_op_call call{sizeof call, FUSOR_OP_UNARY, &f.attributes, inputs, 1, outputs, 1};
      REQUIRE(prepare_op_entry(unary_op, kernels, call) == FUSOR_OK);
      REQUIRE(output.byte_size == image.byte_size);
      output.data = result.data();
      Pool& pool = Pool::instance();
      const Pool::Turn turn;
      Scratch scratch;
      OpContext context{kernels, pool, 1, scratch};
      REQUIRE(unary_op.run(context, call) == FUSOR_OK);
      const BlockedView view = blocked_view(output);
      int64_t outside = 0;
      for (int64_t n = 0; n < 2; ++n) {
        for (int64_t block = 0; block < view.shape.blocks(); ++block) {
          for (int64_t y = -1; y < 3; ++y) {
            for (int64_t z = -2; z < 6; ++z) {
              for (int lane = 0; lane < kernels.lanes; ++lane) {
                const bool inside = y >= 0 && z >= 0 && z < 5 && block * kernels.lanes + lane < 19;
                outside += !inside && view.at(n, block, y, z)[lane] != 0;
              }
            }
          }
        }
      }
      CHECK(outside == 0);
    }
  });
}

TEST_CASE("integers: the functions that they have, wrapping around and saturating at bounds") {
  on_every_set([](const KernelSet& kernels) {
    constexpr int32_t least = std::numeric_limits<int32_t>::min(), most = std::numeric_limits<int32_t>::max();
    const Array<int32_t> x({6}, {0, 5, -5, least, most, -1});
    const auto i32 = [&](int32_t function, float alpha = 0, float beta = 0) {
      return run<int32_t, int32_t>(kernels, function_of(function, alpha, beta), x.buffer(), {6}).data;
    };
    CHECK(i32(FUSOR_UNARY_RELU) == std::vector<int32_t>{0, 5, 0, 0, most, 0});
    CHECK(i32(FUSOR_UNARY_ABS) == std::vector<int32_t>{0, 5, 5, least, most, 1});
    CHECK(i32(FUSOR_UNARY_NEG) == std::vector<int32_t>{0, -5, 5, least, -most, 1});
    CHECK(i32(FUSOR_UNARY_SQUARE) == std::vector<int32_t>{0, 25, 25, 0, 1, 1});
    CHECK(i32(FUSOR_UNARY_SIGN) == std::vector<int32_t>{0, 1, -1, -1, 1, -1});
    CHECK(i32(FUSOR_UNARY_ROUND) == x.data);
    CHECK(i32(FUSOR_UNARY_CLAMP, -3.f, 4.f) == std::vector<int32_t>{0, 4, -3, -3, 4, -1});
    CHECK(i32(FUSOR_UNARY_CLAMP, -INFINITY, 4.f) == std::vector<int32_t>{0, 4, -5, least, 4, -1});
    CHECK(i32(FUSOR_UNARY_CLAMP, 3.f, 1.f) ==
          std::vector<int32_t>{1, 1, 1, 1, 1, 1});  // the upper bound wins
    const Array<uint8_t> bytes({4}, {0, 1, 200, 255});
    const auto u8 = [&](int32_t function, float alpha = 0, float beta = 0) {
      return run<uint8_t, uint8_t>(kernels, function_of(function, alpha, beta), bytes.buffer(), {4}).data;
    };
    CHECK(u8(FUSOR_UNARY_NEG) == std::vector<uint8_t>{0, 255, 56, 1});
    CHECK(u8(FUSOR_UNARY_CLAMP, -10.f, 300.f) == bytes.data);
    CHECK(u8(FUSOR_UNARY_CLAMP, 100.f, 300.f) == std::vector<uint8_t>{100, 100, 200, 255});
    const Array<int64_t> wide({3}, {int64_t{1} << 40, -(int64_t{1} << 40), 0});
    CHECK(run<int64_t, int64_t>(kernels, function_of(FUSOR_UNARY_NEG), wide.buffer(), {3}).data ==
          std::vector<int64_t>{-(int64_t{1} << 40), int64_t{1} << 40, 0});
    CHECK(run<int64_t, uint8_t>(kernels, function_of(FUSOR_UNARY_LOGICAL_NOT), wide.buffer(), {3}).data ==
          std::vector<uint8_t>{0, 0, 1});
  });
}

TEST_CASE("questions of f32 are answered with bytes, from blocked images too") {
  on_every_set([](const KernelSet& kernels) {
    Floats x = random_floats({1, 3, 2, 5}, 6);
    x[0] = NAN, x[7] = 0.f, x[9] = -0.f, x[29] = NAN;
    for (const bool blocked : {false, true}) {
      const auto nan =
          run<float, uint8_t>(kernels, function_of(FUSOR_UNARY_IS_NAN), x.buffer(), x.shape, blocked);
      const auto zero =
          run<float, uint8_t>(kernels, function_of(FUSOR_UNARY_LOGICAL_NOT), x.buffer(), x.shape, blocked);
      for (int64_t i = 0; i < 30; ++i) {
        CHECK(nan[i] == (i == 0 || i == 29));
        CHECK(zero[i] == (i == 7 || i == 9));
      }
    }
  });
}
