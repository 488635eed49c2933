// A stem with its max-pool inside gives the bits of the stem followed by a max-pool, on every instruction set
// of this machine.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/conv2d/stem_max_pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include "cpu/isa/kernel_set.h"
#include "cpu/pool2d/pool2d.h"

using namespace fusor::cpu;

namespace {

constexpr float kSentinel = 12345.f;

struct Case {
  int64_t n, c, h, w, k;
  int32_t kernel, stride, padding;                      // of the convolution
  int32_t pool_kernel[2], pool_stride[2], pool_pad[2];  // before and after the same
};

ConvolutionShape shape_of(const Case& a) {
  ConvolutionShape s{};
  s.n = a.n, s.c = a.c, s.h = a.h, s.w = a.w, s.k = a.k, s.r = s.s = a.kernel, s.groups = 1;
  std::fill_n(s.stride, 2, a.stride);
  std::fill_n(s.padding, 4, a.padding);
  std::fill_n(s.dilation, 2, 1);
  s.p = (a.h + 2 * a.padding - a.kernel) / a.stride + 1;
  s.q = (a.w + 2 * a.padding - a.kernel) / a.stride + 1;
  return s;
}

MaxPool pool_of(const Case& a, const ConvolutionShape& s) {
  MaxPool pool{};
  pool.attributes.struct_size = sizeof pool.attributes;
  for (int i = 0; i < 2; ++i) {
    pool.attributes.kernel[i] = a.pool_kernel[i];
    pool.attributes.stride[i] = a.pool_stride[i];
    pool.attributes.padding[2 * i] = pool.attributes.padding[2 * i + 1] = a.pool_pad[i];
    pool.attributes.dilation[i] = 1;
  }
  pool.p = (s.p + 2 * a.pool_pad[0] - a.pool_kernel[0]) / a.pool_stride[0] + 1;
  pool.q = (s.q + 2 * a.pool_pad[1] - a.pool_kernel[1]) / a.pool_stride[1] + 1;
  return pool;
}

struct Blocked {
  std::vector<float> storage;
  BlockedView view;
  Blocked(int64_t n, int64_t c, int64_t h, int64_t w, int lanes, const Halo& halo) {
    view.shape = {n, c, h, w, lanes, halo};
    storage.assign(static_cast<size_t>(view.shape.elements()), kSentinel);
    view.data = storage.data();
  }
};

void run(const Convolution& convolution, int threads, const float* planes, const BlockedView& output) {
  // Exactly its size, so that AddressSanitizer sees a step over its end; NaN, so that what is read unwritten
  // shows.
  std::vector<float> workspace(static_cast<size_t>(convolution.workspace_bytes(threads) / 4 + 16),
                               std::numeric_limits<float>::quiet_NaN());
  void* aligned = workspace.data();
  size_t space = workspace.size() * 4;
  REQUIRE(std::align(64, static_cast<size_t>(convolution.workspace_bytes(threads)), aligned, space));
  Convolution::Arguments arguments;
  arguments.planar = planes;
  arguments.output = output;
  arguments.workspace = aligned;
  Pool::Turn turn;
  convolution.run(Pool::instance(), threads, arguments);
}

// PyTorch's: a NaN in the window is the result, no tap is -infinity.
float pooled(const BlockedView& x, const MaxPool& pool, int64_t image, int64_t channel, int64_t y,
             int64_t column) {
  const auto& a = pool.attributes;
  float most = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < a.kernel[0]; ++i)
    for (int64_t j = 0; j < a.kernel[1]; ++j) {
      const int64_t row = y * a.stride[0] - a.padding[0] + i, at = column * a.stride[1] - a.padding[2] + j;
      if (row < 0 || row >= x.shape.h || at < 0 || at >= x.shape.w) continue;
      const float value = x.at(image, channel / x.shape.lanes, row, at)[channel % x.shape.lanes];
      if (std::isnan(most)) continue;
      if (std::isnan(value) || value > most) most = value;
    }
  return most;
}

constexpr Case kCases[] = {
    {1, 3, 30, 30, 64, 7, 2, 3, {3, 3}, {2, 2}, {1, 1}},  // ResNet's
    {3, 3, 21, 37, 20, 7, 2, 3, {3, 3}, {2, 2}, {1, 1}},  // ragged, channels that fill no vector
    {2, 1, 11, 5, 1, 3, 1, 1, {2, 2}, {2, 2}, {0, 0}},    // one channel
    {2, 4, 13, 13, 33, 3, 1, 0, {3, 2}, {1, 1}, {1, 1}},  // windows that overlap by all rows but one
    {1, 2, 19, 23, 17, 5, 3, 2, {2, 2}, {3, 4}, {0, 0}},  // gaps between windows
    {1, 3, 9, 9, 16, 3, 1, 1, {7, 5}, {2, 3}, {3, 2}},    // windows nearly as large as the map
    {5, 3, 3, 3, 8, 3, 2, 1, {2, 2}, {1, 1}, {1, 1}},     // two pixels
    {1, 3, 1, 1, 24, 1, 1, 0, {1, 1}, {1, 1}, {0, 0}},    // one pixel
    {2, 3, 64, 18, 40, 3, 2, 1, {4, 3}, {3, 1}, {2, 0}},  // many items, rows kept and not
    {2, 3, 75, 61, 40, 7, 2, 3, {5, 3}, {3, 1}, {2, 0}},  // the same, of Winograd's tiles
};

}  // namespace

TEST_CASE("a stem with a max-pool gives the bits of one after the other") {
  const KernelSetList list = runnable_kernels();
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  int compared[2] = {};
  for (int set = 0; set < list.count; ++set)
    for (const Case& a : kCases)
      for (const bool with_nan : {false, true})
        for (const StemMethod method : {StemMethod::Sums, StemMethod::Winograd}) {
          const KernelSet& kernels = *list.sets[set];
          CAPTURE(kernels.name);
          CAPTURE(a.n);
          CAPTURE(a.h);
          CAPTURE(a.k);
          CAPTURE(with_nan);
          const ConvolutionShape shape = shape_of(a);
          const MaxPool pool = pool_of(a, shape);
          if (method == StemMethod::Winograd && !winograd_stem_fits(kernels, shape)) continue;
          ++compared[method == StemMethod::Winograd];
          REQUIRE(stem_max_pool_fits(kernels, shape, pool));
          std::vector<float> x(static_cast<size_t>(a.n * a.c * a.h * a.w)), bias(static_cast<size_t>(a.k)),
              weight(static_cast<size_t>(a.k * a.c * a.kernel * a.kernel));
          for (auto* values : {&x, &bias, &weight})
            for (float& value : *values) value = normal(random);
          if (with_nan) x[x.size() / 2] = std::numeric_limits<float>::quiet_NaN();
          const fusor_activation relu{FUSOR_ACTIVATION_RELU, 0, 0};

          std::unique_ptr<Convolution> stem, fused;
          {
            Pool::Turn turn;
            ConvolutionOptions options;
            options.force = method == StemMethod::Winograd ? "winograd stem" : "stem";
            stem =
                make_convolution(kernels, Pool::instance(), shape, weight.data(), bias.data(), relu, options);
            fused = make_stem_max_pool(
                {kernels, Pool::instance(), shape, weight.data(), bias.data(), relu, nullptr}, method, pool);
          }
          REQUIRE(stem);
          REQUIRE(fused);
          Blocked convolved(a.n, a.k, shape.p, shape.q, kernels.lanes, {});
          run(*stem, 1, x.data(), convolved.view);
          for (const int threads : {1, 2, 3}) {
            CAPTURE(threads);
            Blocked result(a.n, a.k, pool.p, pool.q, kernels.lanes, {1, 2, 1, 0});
            run(*fused, threads, x.data(), result.view);
            int64_t wrong = 0, touched = 0;
            const BlockedShape& out = result.view.shape;
            for (int64_t image = 0; image < a.n; ++image)
              for (int64_t block = 0; block < out.blocks(); ++block)
                for (int64_t y = -1; y < out.h + 2; ++y)
                  for (int64_t column = -1; column < out.w; ++column)
                    for (int lane = 0; lane < out.lanes; ++lane) {
                      const float value = result.view.at(image, block, y, column)[lane];
                      if (y < 0 || y >= out.h || column < 0) {
                        touched += value != kSentinel;
                        continue;
                      }
                      const int64_t channel = block * out.lanes + lane;
                      const float expected =
                          channel < a.k ? pooled(convolved.view, pool, image, channel, y, column) : 0.f;
                      wrong += std::isnan(expected)
                                   ? !std::isnan(value)
                                   : std::bit_cast<uint32_t>(value) != std::bit_cast<uint32_t>(expected);
                    }
            CHECK(wrong == 0);
            CHECK(touched == 0);
          }
        }
  CHECK(compared[0] > 0);
  CHECK(compared[1] > 0);
}

TEST_CASE("rows that would not stay in a core's cache are not taken") {
  const Case whole{1, 3, 200, 200, 64, 3, 1, 1, {200, 200}, {1, 1}, {0, 0}};
  const ConvolutionShape shape = shape_of(whole);
  CHECK_FALSE(stem_max_pool_fits(*active_kernels(), shape, pool_of(whole, shape)));
}
