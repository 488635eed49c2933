// Batch-, group-, layer- and RMS-norm through their op entries, against float64.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "op_testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

struct Moments {
  double mean = 0, variance = 0;
};
Moments moments_of(const std::vector<double>& v) {
  Moments m;
  for (const double x : v) m.mean += x / static_cast<double>(v.size());
  for (const double x : v) m.variance += (x - m.mean) * (x - m.mean) / static_cast<double>(v.size());
  return m;
}

size_t channel_of(const Sizes& index) {
  return static_cast<size_t>(index[1]);
}

// Roundings: one to the element type, a handful in f32.
double tolerance(int32_t dtype) {
  return 1.01 * unit_roundoff(dtype) + 2e-6;
}

const Sizes kShapes[] = {{1, 1},        {5, 3},        {2, 7, 5},      {2, 16, 6, 6},
                         {1, 19, 9, 7}, {3, 33, 2, 1}, {1, 2, 3, 4, 5}};

}  // namespace

TEST_CASE("batch-norm by given statistics, with residual and activation, parameters of either type") {
  in_schedules(kFloats, [](int32_t dtype) {
    for (const Sizes& sizes : kShapes) {
      for (const Lie lie : {Lie::row_major, Lie::last_second, Lie::gaps}) {
        const int32_t parameters = lie == Lie::gaps ? dtype : FUSOR_F32;
        const Array x = uniform(dtype, sizes, 1, -3, 3), residual = uniform(dtype, sizes, 2);
        const Array mean = uniform(parameters, {sizes[1]}, 3),
                    variance = uniform(FUSOR_F32, {sizes[1]}, 4, 0.1, 4);
        const Array weight = uniform(parameters, {sizes[1]}, 5, -2, 2), bias = uniform(dtype, {sizes[1]}, 6);
        const bool full = lie != Lie::gaps;
        fusor_batch_norm_attributes a{
            sizeof a, 1e-3f, {full ? FUSOR_ACTIVATION_RELU : FUSOR_ACTIVATION_NONE, 0, 0}};
        Array expected = x;
        for_each(sizes, [&](const Sizes& index, size_t i) {
          const size_t c = channel_of(index);
          double y =
              (x.values[i] - mean.values[c]) / std::sqrt(variance.values[c] + static_cast<double>(1e-3f));
          if (full) y = std::max(y * weight.values[c] + bias.values[c] + residual.values[i], 0.0);
          expected.values[i] = y;
        });
        OpCall call(FUSOR_OP_BATCH_NORM, a);
        call.input(x, lie).input(mean).input(variance);
        if (full)
          call.input(weight).input(bias).input(residual);
        else
          call.absent().absent().absent();
        check_array(call.output(dtype, sizes).run()[0], expected, tolerance(dtype), 4e-6);
      }
    }
  });
}

namespace {

void check_training(const Array& x, Lie lie, double relative, double absolute) {
  const int64_t channels = x.sizes[1];
  const Array mean = uniform(FUSOR_F32, {channels}, 3), variance = uniform(FUSOR_F32, {channels}, 4, 0.1, 4);
  const Array weight = uniform(FUSOR_F32, {channels}, 5, -2, 2), bias = uniform(FUSOR_F32, {channels}, 6);
  std::vector<std::vector<double>> of_channel(static_cast<size_t>(channels));
  for_each(x.sizes,
           [&](const Sizes& index, size_t i) { of_channel[channel_of(index)].push_back(x.values[i]); });
  Array new_mean = mean, new_variance = variance, output = x;
  std::vector<Moments> moments;
  for (size_t c = 0; c < of_channel.size(); ++c) {
    moments.push_back(moments_of(of_channel[c]));
    const auto count = static_cast<double>(of_channel[c].size());
    new_mean.values[c] = 0.75 * mean.values[c] + 0.25 * moments[c].mean;
    new_variance.values[c] = 0.75 * variance.values[c] + 0.25 * moments[c].variance * count / (count - 1);
  }
  for_each(x.sizes, [&](const Sizes& index, size_t i) {
    const size_t c = channel_of(index);
    output.values[i] = (x.values[i] - moments[c].mean) /
                           std::sqrt(moments[c].variance + static_cast<double>(1e-5f)) * weight.values[c] +
                       bias.values[c];
  });
  const fusor_batch_norm_training_attributes a{sizeof a, 1e-5f, 0.25f};
  const auto results = OpCall(FUSOR_OP_BATCH_NORM_TRAINING, a)
                           .input(x, lie)
                           .input(mean)
                           .input(variance)
                           .input(weight)
                           .input(bias)
                           .output(x.dtype, x.sizes)
                           .output(FUSOR_F32, {channels})
                           .output(FUSOR_F32, {channels})
                           .run();
  check_array(results[0], output, relative, absolute);
  check_array(results[1], new_mean, 1e-6, 1e-6);
  check_array(results[2], new_variance, 4e-6, 1e-6);
}

}  // namespace

TEST_CASE("batch-norm in training: by the batch's moments, and the running ones move") {
  in_schedules(kFloats, [](int32_t dtype) {
    for (const Sizes& sizes : kShapes)
      if (product(sizes) > sizes[1])
        for (const Lie lie : {Lie::row_major, Lie::last_second})
          check_training(uniform(dtype, sizes, 1, -3, 5), lie, tolerance(dtype), 8e-6);
  });
  // The mean near 4096 is kept in two parts: an offset costs no more than none.
  for (const Lie lie : {Lie::row_major, Lie::last_second})
    check_training(uniform(FUSOR_F32, {4, 2, 31, 31}, 7, 4096, 4097), lie, tolerance(FUSOR_F32), 8e-6);
}

TEST_CASE("group-norm, from one group to one per channel, rows and channels-last") {
  in_schedules(kFloats, [](int32_t dtype) {
    for (const auto& [sizes, groups] : {std::pair<Sizes, int>{{2, 6}, 3},
                                        {{2, 12, 5}, 4},
                                        {{1, 8, 7, 3}, 1},
                                        {{3, 8, 7, 3}, 8},
                                        {{1, 32, 4, 4}, 2}}) {
      for (const Lie lie : {Lie::row_major, Lie::last_second}) {
        const Array x = uniform(dtype, sizes, 1, -3, 3), weight = uniform(dtype, {sizes[1]}, 2, -2, 2),
                    bias = uniform(FUSOR_F32, {sizes[1]}, 3);
        const int64_t per_group = sizes[1] / groups;
        std::vector<std::vector<double>> members(static_cast<size_t>(sizes[0] * groups));
        const auto group_of = [&, g = groups](const Sizes& index) {
          return static_cast<size_t>(index[0] * g + index[1] / per_group);
        };
        for_each(x.sizes,
                 [&](const Sizes& index, size_t i) { members[group_of(index)].push_back(x.values[i]); });
        Array expected = x;
        for_each(x.sizes, [&](const Sizes& index, size_t i) {
          const Moments m = moments_of(members[group_of(index)]);
          const size_t c = channel_of(index);
          expected.values[i] =
              (x.values[i] - m.mean) / std::sqrt(m.variance + static_cast<double>(1e-5f)) * weight.values[c] +
              bias.values[c];
        });
        const fusor_group_norm_attributes a{sizeof a, groups, 1e-5f};
        check_array(OpCall(FUSOR_OP_GROUP_NORM, a)
                        .input(x, lie)
                        .input(weight)
                        .input(bias)
                        .output(dtype, sizes)
                        .run()[0],
                    expected, tolerance(dtype), 8e-6);
      }
    }
  });
}

TEST_CASE(
    "layer-norm, add + layer-norm and RMS-norm as ops, parameters in f32 or the data's type, any strides") {
  in_schedules(kFloats, [](int32_t dtype) {
    for (const auto& [sizes, rank] : {std::pair<Sizes, int>{{1}, 1},
                                      {{3, 5}, 1},
                                      {{2, 3, 17}, 2},
                                      {{2, 3, 16}, 3},
                                      {{3, 768}, 1},
                                      {{0, 8}, 1}}) {
      for (const int32_t parameters : {static_cast<int32_t>(FUSOR_F32), dtype}) {
        const Sizes normalized(sizes.end() - rank, sizes.end());
        const int64_t width = product(normalized);
        const Array x = uniform(dtype, sizes, 1, -3, 3), residual = uniform(dtype, sizes, 2);
        const Array weight = uniform(parameters, normalized, 3, -2, 2),
                    bias = uniform(FUSOR_F32, normalized, 4);
        Array sum = x, output = x, rms = x;
        for (int64_t row = 0; row < product(sizes) / width; ++row) {
          std::vector<double> values;
          double squares = 0;
          for (int64_t i = 0; i < width; ++i) {
            const auto at = static_cast<size_t>(row * width + i);
            sum.values[at] = rounded(dtype, x.values[at] + residual.values[at]);
            values.push_back(sum.values[at]);
            squares += x.values[at] * x.values[at] / static_cast<double>(width);
          }
          const Moments m = moments_of(values);
          for (int64_t i = 0; i < width; ++i) {
            const auto at = static_cast<size_t>(row * width + i), column = static_cast<size_t>(i);
            output.values[at] = (sum.values[at] - m.mean) /
                                    std::sqrt(m.variance + static_cast<double>(1e-5f)) *
                                    weight.values[column] +
                                bias.values[column];
            rms.values[at] =
                x.values[at] / std::sqrt(squares + static_cast<double>(1e-5f)) * weight.values[column];
          }
        }
        const fusor_layer_norm_attributes a{sizeof a, rank, 1e-5f};
        const auto both = OpCall(FUSOR_OP_ADD_LAYER_NORM, a)
                              .input(x, Lie::reversed)
                              .input(residual)
                              .input(weight)
                              .input(bias)
                              .output(dtype, sizes)
                              .output(dtype, sizes)
                              .run();
        check_array(both[0], sum, 0, 0);
        check_array(both[1], output, tolerance(dtype), 8e-6);
        check_array(OpCall(FUSOR_OP_LAYER_NORM, a)
                        .input(sum, Lie::gaps)
                        .input(weight)
                        .input(bias)
                        .output(dtype, sizes)
                        .run()[0],
                    output, tolerance(dtype), 8e-6);
        check_array(OpCall(FUSOR_OP_RMS_NORM, a).input(x).input(weight).output(dtype, sizes).run()[0], rms,
                    tolerance(dtype), 8e-6);
      }
    }
  });
}

TEST_CASE("a row of equal numbers gives the bias; large offsets do not cancel the variance away") {
  const fusor_layer_norm_attributes a{sizeof a, 1, 1e-5f};
  const Array flat = generate(FUSOR_F32, {2, 100}, [](size_t) { return 123.25; });
  check_array(
      OpCall(FUSOR_OP_LAYER_NORM, a).input(flat).absent().absent().output(FUSOR_F32, flat.sizes).run()[0],
      generate(FUSOR_F32, {2, 100}, [](size_t) { return 0; }), 0, 0);
  const Array offset = uniform(FUSOR_F32, {1, 1000}, 3, 4096, 4097);
  const Moments m = moments_of(offset.values);
  check_array(
      OpCall(FUSOR_OP_LAYER_NORM, a).input(offset).absent().absent().output(FUSOR_F32, offset.sizes).run()[0],
      map(offset,
          [&](double v) { return (v - m.mean) / std::sqrt(m.variance + static_cast<double>(1e-5f)); }),
      0, 8e-6);
}

TEST_CASE("batch-norm folds into the weights before it") {
  for (const int32_t dtype : kFloats) {
    const Array weight = uniform(dtype, {7, 3, 2}, 1), bias = uniform(dtype, {7}, 2),
                mean = uniform(FUSOR_F32, {7}, 3);
    const Array variance = uniform(FUSOR_F32, {7}, 4, 0.1, 4), gamma = uniform(dtype, {7}, 5),
                beta = uniform(FUSOR_F32, {7}, 6);
    Array folded = weight, shifted = bias;
    for (size_t k = 0; k < 7; ++k) {
      const double scale = gamma.values[k] / std::sqrt(variance.values[k] + static_cast<double>(1e-5f));
      for (size_t i = 0; i < 6; ++i) folded.values[k * 6 + i] *= scale;
      shifted.values[k] = (bias.values[k] - mean.values[k]) * scale + beta.values[k];
    }
    const fusor_fold_batch_norm_attributes a{sizeof a, 1e-5f};
    const auto results = OpCall(FUSOR_OP_FOLD_BATCH_NORM, a)
                             .input(weight)
                             .input(bias)
                             .input(mean)
                             .input(variance)
                             .input(gamma)
                             .input(beta)
                             .output(dtype, weight.sizes)
                             .output(dtype, {7})
                             .run();
    check_array(results[0], folded, 1.01 * unit_roundoff(dtype), 1e-8);
    check_array(results[1], shifted, 1.01 * unit_roundoff(dtype), 1e-8);
  }
}
