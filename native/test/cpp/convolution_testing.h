// Convolutions of every algorithm against a reference in f64: problems, running one, comparing.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "cpu/conv2d/convolution.h"
#include "cpu/isa/kernel_set.h"
#include "cpu/layout/convert.h"
#include "platform/memory.h"

namespace fusor::testing {

using namespace fusor::cpu;

using Floats = std::vector<float>;
inline constexpr fusor_activation kNone{FUSOR_ACTIVATION_NONE, 0, 0};

struct Geometry {
  int64_t n = 1, c = 1, h = 1, w = 1, k = 1, r = 1, s = 1;
  std::vector<int32_t> stride{1, 1}, padding{0, 0, 0, 0}, dilation{1, 1};
  int32_t groups = 1;
};

inline ConvolutionShape shape_of(const Geometry& g) {
  ConvolutionShape shape{};
  shape.n = g.n, shape.c = g.c, shape.h = g.h, shape.w = g.w, shape.k = g.k, shape.r = g.r, shape.s = g.s;
  std::copy_n(g.stride.begin(), 2, shape.stride);
  std::copy_n(g.padding.begin(), 4, shape.padding);
  std::copy_n(g.dilation.begin(), 2, shape.dilation);
  shape.groups = g.groups;
  const int64_t height = g.h + g.padding[0] + g.padding[1] - (g.r - 1) * g.dilation[0] - 1;
  const int64_t width = g.w + g.padding[2] + g.padding[3] - (g.s - 1) * g.dilation[1] - 1;
  shape.p = height < 0 ? 0 : height / g.stride[0] + 1;
  shape.q = width < 0 ? 0 : width / g.stride[1] + 1;
  return shape;
}

inline std::string text_of(const ConvolutionShape& s) {
  const auto list = [](const int32_t* values, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text.append(i ? "," : "").append(std::to_string(values[i]));
    return text;
  };
  return std::to_string(s.n) + "x" + std::to_string(s.c) + "x" + std::to_string(s.h) + "x" +
         std::to_string(s.w) + " -> " + std::to_string(s.k) + ", kernel " + std::to_string(s.r) + "x" +
         std::to_string(s.s) + ", stride " + list(s.stride, 2) + ", padding " + list(s.padding, 4) +
         ", dilation " + list(s.dilation, 2) + ", groups " + std::to_string(s.groups);
}

// Blocked storage of exactly its size (AddressSanitizer sees a step over its ends), with a halo of zeros.
struct Blocked {
  BlockedView view;
  Floats storage;
  Blocked(int64_t n, int64_t c, int64_t h, int64_t w, int lanes, const Halo& halo, float fill) {
    view.shape = {n, c, h, w, lanes, halo};
    storage.assign(static_cast<size_t>(view.shape.elements()), fill);
    view.data = storage.data();
    if (fill == 0.f) zero_halo(view);
  }
  fusor_buffer buffer() const {
    fusor_buffer b{};
    b.struct_size = sizeof b;
    b.rank = 4;
    b.sizes[0] = view.shape.n, b.sizes[1] = view.shape.c, b.sizes[2] = view.shape.h,
    b.sizes[3] = view.shape.w;
    describe_blocked(b, view.shape.lanes, view.shape.halo);
    b.data = view.data;
    return b;
  }
};

fusor_buffer nchw(const float* data, int64_t n, int64_t c, int64_t h, int64_t w) {
  fusor_buffer b{};
  b.struct_size = sizeof b;
  b.rank = 4;
  b.sizes[0] = n, b.sizes[1] = c, b.sizes[2] = h, b.sizes[3] = w;
  b.strides[0] = c * h * w, b.strides[1] = h * w, b.strides[2] = w, b.strides[3] = 1;
  b.data = const_cast<float*>(data);
  b.byte_size = n * c * h * w * 4;
  return b;
}

struct Problem {
  ConvolutionShape shape;
  Floats x, weight, bias, residual;  // bias and residual may be empty
  fusor_activation activation = kNone;
};

enum class Values { Integers, Normal };

inline Problem make_problem(const ConvolutionShape& s, Values values, bool bias, bool residual,
                            uint32_t seed) {
  std::mt19937 random(seed);
  const auto fill = [&](Floats& to, int64_t count, int range, float deviation) {
    to.resize(static_cast<size_t>(count));
    std::uniform_int_distribution<int> integers(-range, range);
    std::normal_distribution<float> normal(0.f, deviation);
    for (float& x : to)
      x = values == Values::Integers ? static_cast<float>(integers(random)) : normal(random);
  };
  Problem problem;
  problem.shape = s;
  const int64_t reduction = s.c / s.groups * s.r * s.s;
  fill(problem.x, s.n * s.c * s.h * s.w, 3, 1.f);
  fill(problem.weight, s.k * reduction, 2, std::sqrt(2.f / static_cast<float>(reduction)));
  if (bias) fill(problem.bias, s.k, 5, 0.5f);
  if (residual) fill(problem.residual, s.n * s.k * s.p * s.q, 9, 1.f);
  return problem;
}

inline double reference_activation(double x, const fusor_activation& a) {
  switch (a.kind) {
    case FUSOR_ACTIVATION_RELU:
      return x < 0 ? 0 : x;
    case FUSOR_ACTIVATION_GELU:
      return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case FUSOR_ACTIVATION_GELU_TANH:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
    case FUSOR_ACTIVATION_SILU:
      return x / (1 + std::exp(-x));
    case FUSOR_ACTIVATION_CLAMP:
      return x < a.low ? a.low : x > a.high ? a.high : x;
    default:
      return x;
  }
}

inline std::vector<double> reference(const Problem& problem) {
  const ConvolutionShape& s = problem.shape;
  const int64_t channels = s.c / s.groups, outputs = s.k / s.groups;
  std::vector<double> result(static_cast<size_t>(s.n * s.k * s.p * s.q));
  size_t at = 0;
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t k = 0; k < s.k; ++k)
      for (int64_t y = 0; y < s.p; ++y)
        for (int64_t x = 0; x < s.q; ++x, ++at) {
          double sum = problem.bias.empty() ? 0 : problem.bias[static_cast<size_t>(k)];
          for (int64_t c = 0; c < channels; ++c)
            for (int64_t i = 0; i < s.r; ++i)
              for (int64_t j = 0; j < s.s; ++j) {
                const int64_t row = y * s.stride[0] + i * s.dilation[0] - s.padding[0];
                const int64_t column = x * s.stride[1] + j * s.dilation[1] - s.padding[2];
                if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
                const int64_t channel = k / outputs * channels + c;
                sum += static_cast<double>(
                           problem.x[static_cast<size_t>(((n * s.c + channel) * s.h + row) * s.w + column)]) *
                       problem.weight[static_cast<size_t>(((k * channels + c) * s.r + i) * s.s + j)];
              }
          if (!problem.residual.empty()) sum += problem.residual[at];
          result[at] = reference_activation(sum, problem.activation);
        }
  return result;
}

struct RunOptions {
  int threads = 2;
  bool alias_residual = false;  // the residual's memory is the output's
  int32_t extra_halo = 0;       // more around the input than asked for
};

// Runs one algorithm. Checks on the way that the output's halo is left alone and its padding lanes are zero.
inline Floats run(const KernelSet& kernels, const Problem& problem, const char* algorithm,
                  const RunOptions& options = {}) {
  const ConvolutionShape& s = problem.shape;
  Pool& pool = Pool::instance();
  const Pool::Turn turn;
  ConvolutionOptions convolution_options;
  convolution_options.force = algorithm;
  const auto convolution = make_convolution(kernels, pool, s, problem.weight.data(),
                                            problem.bias.empty() ? nullptr : problem.bias.data(),
                                            problem.activation, convolution_options);
  REQUIRE(convolution);
  CHECK(std::string(convolution->algorithm()) == algorithm);

  Convolution::Arguments arguments;
  std::unique_ptr<Blocked> input;
  if (convolution->input_form() == Convolution::InputForm::Planar) {
    arguments.planar = problem.x.data();
  } else {
    Halo halo = convolution->input_halo();
    halo.top += options.extra_halo, halo.left += options.extra_halo, halo.right += 2 * options.extra_halo;
    input = std::make_unique<Blocked>(s.n, s.c, s.h, s.w, kernels.lanes, halo, 0.f);
    REQUIRE(convert_layout(kernels, pool, 1, nchw(problem.x.data(), s.n, s.c, s.h, s.w), input->buffer()) ==
            FUSOR_OK);
    arguments.input = input->view;
  }
  constexpr float kPoison = 1234.5f;
  Blocked output(s.n, s.k, s.p, s.q, kernels.lanes, {1, 2, 0, 3}, kPoison);
  arguments.output = output.view;
  std::unique_ptr<Blocked> residual;
  if (!problem.residual.empty()) {
    const fusor_buffer source = nchw(problem.residual.data(), s.n, s.k, s.p, s.q);
    if (options.alias_residual) {
      REQUIRE(convert_layout(kernels, pool, 1, source, output.buffer()) == FUSOR_OK);
      arguments.residual = &arguments.output;
    } else {
      residual = std::make_unique<Blocked>(s.n, s.k, s.p, s.q, kernels.lanes, Halo{0, 1, 2, 0}, kPoison);
      REQUIRE(convert_layout(kernels, pool, 1, source, residual->buffer()) == FUSOR_OK);
      arguments.residual = &residual->view;
    }
  }
  const size_t workspace_bytes = static_cast<size_t>(convolution->workspace_bytes(options.threads));
  const std::unique_ptr<void, decltype(&fusor::platform::release_block)> workspace(
      workspace_bytes ? fusor::platform::allocate_block((workspace_bytes + 63) / 64 * 64) : nullptr,
      fusor::platform::release_block);
  if (workspace_bytes) std::memset(workspace.get(), 0xff, workspace_bytes);  // NaNs
  arguments.workspace = workspace.get();
  convolution->run(pool, options.threads, arguments);

  bool halo_untouched = true, padding_zero = true;
  const BlockedShape& o = output.view.shape;
  for (int64_t n = 0; n < o.n; ++n)
    for (int64_t b = 0; b < o.blocks(); ++b)
      for (int64_t y = -o.halo.top; y < o.h + o.halo.bottom; ++y)
        for (int64_t x = -o.halo.left; x < o.w + o.halo.right; ++x)
          for (int l = 0; l < o.lanes; ++l) {
            const float value = output.view.at(n, b, y, x)[l];
            if (y < 0 || y >= o.h || x < 0 || x >= o.w)
              halo_untouched &= value == kPoison;
            else if (b * o.lanes + l >= o.c)
              padding_zero &= value == 0.f;
          }
  CHECK(halo_untouched);
  CHECK(padding_zero);

  Floats result(static_cast<size_t>(s.n * s.k * s.p * s.q));
  REQUIRE(convert_layout(kernels, pool, 1, output.buffer(), nchw(result.data(), s.n, s.k, s.p, s.q)) ==
          FUSOR_OK);
  return result;
}

inline double relative_error(const Floats& result, const std::vector<double>& expected) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < result.size(); ++i) {
    error += (result[i] - expected[i]) * (result[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error) / std::max(std::sqrt(norm), 1e-3 * std::sqrt(static_cast<double>(result.size())));
}

inline bool is_winograd(const std::string& algorithm) {
  return algorithm.rfind("winograd", 0) == 0;
}

// Direct sums of n products in f32 have a relative error of about sqrt(n) / 2^24, far below 2e-6 for our n;
// Winograd's F(4x4) about ten times that.
inline double tolerance(const std::string& algorithm) {
  return is_winograd(algorithm) ? 1e-5 : 2e-6;
}

inline std::vector<const char*> candidates(const KernelSet& kernels, const ConvolutionShape& shape) {
  const char* names[16];
  const int count = convolution_candidates(kernels, shape, {}, names, 16);
  return {names, names + std::min(count, 16)};
}

template <class Body>
void for_each_set(Body&& body) {
  const KernelSetList list = runnable_kernels();
  REQUIRE(list.count > 0);
  for (int i = 0; i < list.count; ++i) {
    INFO("instruction set ", std::string(list.sets[i]->name));
    body(*list.sets[i]);
  }
}

// Exact on integers (Winograd: to its tolerance), accurate on normal values with everything fused.
inline void check_shape(const KernelSet& kernels, const ConvolutionShape& s, uint32_t seed) {
  if (s.p <= 0 || s.q <= 0) return;
  const std::string text = text_of(s);
  INFO(text);
  const auto names = candidates(kernels, s);
  REQUIRE(!names.empty());
  Problem exact = make_problem(s, Values::Integers, seed % 2, seed % 3 == 0, seed);
  const auto exact_expected = reference(exact);
  Problem fused = make_problem(s, Values::Normal, true, true, seed + 1);
  const fusor_activation activations[] = {kNone,
                                          {FUSOR_ACTIVATION_RELU, 0, 0},
                                          {FUSOR_ACTIVATION_CLAMP, -0.5f, 0.75f},
                                          {FUSOR_ACTIVATION_SILU, 0, 0},
                                          {FUSOR_ACTIVATION_GELU, 0, 0},
                                          {FUSOR_ACTIVATION_GELU_TANH, 0, 0}};
  fused.activation = activations[seed % 6];
  const auto fused_expected = reference(fused);
  for (const char* name : names) {
    INFO("algorithm ", std::string(name));
    RunOptions options;
    options.threads = 1 + static_cast<int>(seed % 3);
    options.extra_halo = static_cast<int32_t>(seed % 2);
    const Floats result = run(kernels, exact, name, options);
    if (is_winograd(name)) {
      CHECK(relative_error(result, exact_expected) < tolerance(name));
    } else {
      const bool equal = std::equal(result.begin(), result.end(), exact_expected.begin(),
                                    [](float a, double b) { return static_cast<double>(a) == b; });
      CHECK(equal);
    }
    options.alias_residual = seed % 4 < 2;
    CHECK(relative_error(run(kernels, fused, name, options), fused_expected) < tolerance(name));
  }
}

}  // namespace fusor::testing
