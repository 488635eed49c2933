// Layer-, RMS-, group- and batch-norm against their formulas in double.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/batch_norm/batch_norm.h"
#include "cpu/fold_batch_norm/fold_batch_norm.h"
#include "cpu/group_norm/group_norm.h"
#include "cpu/layer_norm/layer_norm.h"
#include "op_call.h"

#include <vector>

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

const int64_t kWidths[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 65, 127, 768, 1021};
constexpr float kEpsilon = 1e-5f;

struct Moments {
  double mean = 0, variance = 0;
};
template <class Element>
Moments moments_of(int64_t count, const Element& element) {
  Moments m;
  for (int64_t i = 0; i < count; ++i) m.mean += element(i) / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i)
    m.variance += std::pow(element(i) - m.mean, 2) / static_cast<double>(count);
  return m;
}

}  // namespace

TEST_CASE("layer-norm and add + layer-norm, on rows with a mean far from zero too") {
  // From 2049 columns on rows go through the columns in groups of four, 1024 columns at a time.
  std::vector<int64_t> widths(std::begin(kWidths), std::end(kWidths));
  widths.insert(widths.end(), {2049, 3091});
  on_every_set([&](const KernelSet& kernels) {
    for (int64_t width : widths)
      for (float offset : {0.f, 100.f}) {
        CAPTURE(width);
        CAPTURE(offset);
        const int64_t rows = width < 2049 ? 5 : 80;  // in items of several groups, the last one smaller
        Floats x = random_floats({rows, width}, 1);
        for (float& v : x.data) v += offset;
        const Floats residual = random_floats({rows, width}, 2), weight = random_floats({width}, 3),
                     bias = random_floats({width}, 4);
        Floats y({rows, width}), sum({rows, width}), added({rows, width});
        const fusor_buffer bx = x.buffer(), br = residual.buffer(), bw = weight.buffer(), bb = bias.buffer();
        fusor_buffer by = y.buffer(), bs = sum.buffer(), ba = added.buffer();
        const fusor_layer_norm_attributes attributes{sizeof attributes, 1, kEpsilon};
        run_op(kernels, layer_norm_op, &attributes, {&bx, &bw, &bb}, {&by});
        run_op(kernels, add_layer_norm_op, &attributes, {&bx, &br, &bw, nullptr}, {&bs, &ba});
        for (int64_t row = 0; row < rows; ++row) {
          const Moments plain = moments_of(width, [&](int64_t i) { return double{x[row * width + i]}; });
          const Moments with_residual = moments_of(
              width, [&](int64_t i) { return double{x[row * width + i] + residual[row * width + i]}; });
          for (int64_t i = 0; i < width; ++i) {
            const int64_t at = row * width + i;
            // The input's own rounding, offset * 2^-24, is amplified by 1 / sigma.
            const double amplified = (1 + std::abs(offset)) * 4e-7 / std::sqrt(plain.variance + kEpsilon);
            const double expected =
                (x[at] - plain.mean) / std::sqrt(plain.variance + kEpsilon) * weight[i] + bias[i];
            REQUIRE(
                close(y[at], expected, (2e-6 + amplified) * (1 + std::abs(expected) + std::abs(weight[i]))));
            REQUIRE(sum[at] == x[at] + residual[at]);
            const double scale = std::sqrt(with_residual.variance + kEpsilon);
            const double expected_added = (sum[at] - with_residual.mean) / scale * weight[i];
            REQUIRE(close(added[at], expected_added,
                          (2e-6 + (1 + std::abs(offset)) * 4e-7 / scale) * (1 + std::abs(weight[i]) * 4)));
          }
        }
      }
  });
}

TEST_CASE("layer-norm with one element far from the others keeps the variance exact") {
  on_every_set([](const KernelSet& kernels) {
    for (int64_t width : {5, 64, 200, 1000})
      for (int64_t at : {int64_t{0}, width / 2, width - 1}) {
        Floats x = random_floats({2, width}, 9);
        x[at] = 3000.f;
        Floats y({2, width});
        const fusor_buffer bx = x.buffer();
        fusor_buffer by = y.buffer();
        const fusor_layer_norm_attributes attributes{sizeof attributes, 1, kEpsilon};
        run_op(kernels, layer_norm_op, &attributes, {&bx, nullptr, nullptr}, {&by});
        for (int64_t row = 0; row < 2; ++row) {
          const Moments m = moments_of(width, [&](int64_t i) { return double{x[row * width + i]}; });
          for (int64_t i = 0; i < width; ++i) {
            const double expected = (x[row * width + i] - m.mean) / std::sqrt(m.variance + kEpsilon);
            REQUIRE(close(y[row * width + i], expected, 3e-6 * (1 + std::abs(expected))));
          }
        }
      }
  });
}

TEST_CASE("RMS-norm over several trailing dimensions") {
  on_every_set([](const KernelSet& kernels) {
    const Floats x = random_floats({3, 5, 7}, 5), weight = random_floats({5, 7}, 6);
    Floats y({3, 5, 7});
    const fusor_buffer bx = x.buffer(), bw = weight.buffer();
    fusor_buffer by = y.buffer();
    const fusor_layer_norm_attributes attributes{sizeof attributes, 2, kEpsilon};
    run_op(kernels, rms_norm_op, &attributes, {&bx, &bw}, {&by});
    for (int64_t row = 0; row < 3; ++row) {
      double mean_square = 0;
      for (int64_t i = 0; i < 35; ++i) mean_square += std::pow(double{x[row * 35 + i]}, 2) / 35;
      for (int64_t i = 0; i < 35; ++i)
        REQUIRE(
            close(y[row * 35 + i], x[row * 35 + i] / std::sqrt(mean_square + kEpsilon) * weight[i], 4e-6));
    }
  });
}

TEST_CASE("group-norm") {
  on_every_set([](const KernelSet& kernels) {
    for (int64_t inner : {1, 5, 49}) {
      const Floats x = random_floats({2, 6, inner}, 7), weight = random_floats({6}, 8),
                   bias = random_floats({6}, 9);
      Floats y({2, 6, inner});
      const fusor_buffer bx = x.buffer(), bw = weight.buffer(), bb = bias.buffer();
      fusor_buffer by = y.buffer();
      const fusor_group_norm_attributes attributes{sizeof attributes, 3, kEpsilon};
      run_op(kernels, group_norm_op, &attributes, {&bx, &bw, &bb}, {&by});
      for (int64_t group = 0; group < 6; ++group) {
        const int64_t size = 2 * inner;
        const Moments m = moments_of(size, [&](int64_t i) { return double{x[group * size + i]}; });
        for (int64_t i = 0; i < size; ++i) {
          const int64_t channel = group % 3 * 2 + i / inner;
          const double expected =
              (x[group * size + i] - m.mean) / std::sqrt(m.variance + kEpsilon) * weight[channel] +
              bias[channel];
          REQUIRE(close(y[group * size + i], expected, 1e-5 * (1 + std::abs(expected))));
        }
      }
    }
  });
}

TEST_CASE(
    "batch-norm with residual and ReLU: strided, blocked and [n, c]; ragged channels keep the layout's zero "
    "lanes") {
  on_every_set([](const KernelSet& kernels) {
    for (int64_t c : {1, 3, 8, 17, 33})
      for (const std::vector<int64_t>& rest : {std::vector<int64_t>{}, {7}, {3, 5}})
        for (bool blocked : {false, true}) {
          std::vector<int64_t> shape{2, c};
          shape.insert(shape.end(), rest.begin(), rest.end());
          const int64_t inner = product(rest);
          const Floats x = random_floats(shape, 1), residual = random_floats(shape, 2),
                       mean = random_floats({c}, 3), weight = random_floats({c}, 4),
                       bias = random_floats({c}, 5);
          Floats variance = random_floats({c}, 6), y(shape);
          for (float& v : variance.data) v = v * v + 0.1f;
          const fusor_buffer bx = x.buffer(), br = residual.buffer(), bm = mean.buffer(),
                             bv = variance.buffer(), bw = weight.buffer(), bb = bias.buffer();
          fusor_buffer by = y.buffer();
          const fusor_batch_norm_attributes attributes{
              sizeof attributes, kEpsilon, {FUSOR_ACTIVATION_RELU, 0, 0}};
          run_op(kernels, batch_norm_op, &attributes, {&bx, &bm, &bv, &bw, &bb, &br}, {&by}, blocked);
          for (int64_t i = 0; i < x.size(); ++i) {
            const int64_t channel = i / inner % c;
            const double normal =
                (double{x[i]} - mean[channel]) / std::sqrt(double{variance[channel]} + kEpsilon);
            const double expected = std::max(0.0, normal * weight[channel] + bias[channel] + residual[i]);
            REQUIRE(close(y[i], expected, 1e-6 * (4 + std::abs(normal * weight[channel]))));
          }
        }
  });
}

TEST_CASE("batch-norm in training: batch statistics, running ones with the unbiased variance") {
  on_every_set([](const KernelSet& kernels) {
    for (int64_t inner : {1, 13, 5000}) {
      const int64_t n = 3, c = 5;
      Floats x = random_floats({n, c, inner}, 1);
      for (int64_t i = 0; i < x.size(); ++i) x[i] += static_cast<float>(10 * (i / inner % c));
      const Floats mean = random_floats({c}, 2), weight = random_floats({c}, 3), bias = random_floats({c}, 4);
      Floats variance({c}), y({n, c, inner}), new_mean({c}), new_variance({c});
      std::fill(variance.data.begin(), variance.data.end(), 1.f);
      const fusor_buffer bx = x.buffer(), bm = mean.buffer(), bv = variance.buffer(), bw = weight.buffer(),
                         bb = bias.buffer();
      fusor_buffer by = y.buffer(), bnm = new_mean.buffer(), bnv = new_variance.buffer();
      const fusor_batch_norm_training_attributes attributes{sizeof attributes, kEpsilon, 0.1f};
      run_op(kernels, batch_norm_training_op, &attributes, {&bx, &bm, &bv, &bw, &bb}, {&by, &bnm, &bnv});
      for (int64_t channel = 0; channel < c; ++channel) {
        const int64_t count = n * inner;
        const auto at = [&](int64_t i) { return (i / inner * c + channel) * inner + i % inner; };
        const Moments m = moments_of(count, [&](int64_t i) { return double{x[at(i)]}; });
        const double unbiased = m.variance * static_cast<double>(count) / static_cast<double>(count - 1);
        REQUIRE(close(new_mean[channel], 0.9 * mean[channel] + 0.1 * m.mean, 1e-5));
        REQUIRE(close(new_variance[channel], 0.9 + 0.1 * unbiased, 1e-5));
        for (int64_t i = 0; i < count; ++i) {
          const double normal = (x[at(i)] - m.mean) / std::sqrt(m.variance + kEpsilon);
          REQUIRE(close(y[at(i)], normal * weight[channel] + bias[channel], 3e-5 * (1 + std::abs(normal))));
        }
      }
    }
  });
}

TEST_CASE("folding batch-norm gives the convolution that the two made together") {
  on_every_set([](const KernelSet& kernels) {
    const Floats weight = random_floats({5, 3, 2, 2}, 1), mean = random_floats({5}, 2),
                 gamma = random_floats({5}, 3), beta = random_floats({5}, 4);
    Floats variance({5}), folded({5, 3, 2, 2}), bias({5});
    for (int64_t i = 0; i < 5; ++i) variance[i] = 0.1f + static_cast<float>(i);
    const fusor_buffer bw = weight.buffer(), bm = mean.buffer(), bv = variance.buffer(), bg = gamma.buffer(),
                       bb = beta.buffer();
    fusor_buffer bf = folded.buffer(), bo = bias.buffer();
    const fusor_fold_batch_norm_attributes attributes{sizeof attributes, kEpsilon};
    run_op(kernels, fold_batch_norm_op, &attributes, {&bw, nullptr, &bm, &bv, &bg, &bb}, {&bf, &bo});
    for (int64_t k = 0; k < 5; ++k) {
      const double scale = gamma[k] / std::sqrt(double{variance[k]} + double{kEpsilon});
      for (int64_t i = 0; i < 12; ++i)
        REQUIRE(folded[k * 12 + i] == static_cast<float>(weight[k * 12 + i] * scale));
      REQUIRE(bias[k] == static_cast<float>(-mean[k] * scale + beta[k]));
    }
  });
}
