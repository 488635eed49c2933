// Convolutions of random data against float64, whatever kernel runs them.
#pragma once

#include "conv2d/conv2d.h"
#include "testing.h"

namespace fusor::cuda::testing {

struct Problem {
  int n, h, w, c, k, r, s;
  int pad = 0, stride = 1, dilation = 1, groups = 1;
  bool bias = true, residual = false;
  fusor_activation activation{FUSOR_ACTIVATION_NONE, 0.f, 0.f};
};

inline Conv2dArguments arguments_of(const Problem& p, fusor_dtype dtype) {
  Conv2dArguments a;
  a.dtype = dtype;
  a.n = p.n;
  a.h = p.h;
  a.w = p.w;
  a.c = p.c;
  a.k = p.k;
  a.r = p.r;
  a.s = p.s;
  a.pad_top = a.pad_left = p.pad;
  a.stride_h = a.stride_w = p.stride;
  a.dilation_h = a.dilation_w = p.dilation;
  a.groups = p.groups;
  a.p = conv2d_output_size(p.h, p.r, p.stride, p.dilation, p.pad, p.pad);
  a.q = conv2d_output_size(p.w, p.s, p.stride, p.dilation, p.pad, p.pad);
  a.activation = p.activation;
  return a;
}

/** The result in float64, and with it the sum of the terms' magnitudes, to which the error is in proportion.
 */
struct Reference {
  std::vector<double> y, magnitude;
};

template <class T>
Reference reference(const Conv2dArguments& a, const std::vector<T>& x, const std::vector<T>& weight,
                    const std::vector<T>* bias, const std::vector<T>* residual) {
  Reference result;
  const int cg = a.c / a.groups, kg = a.k / a.groups;
  const size_t count = static_cast<size_t>(a.n * a.p * a.q * a.k);
  result.y.reserve(count);
  result.magnitude.reserve(count);
  std::vector<double> xd(x.size()), wd(weight.size());
  for (size_t i = 0; i < x.size(); ++i) xd[i] = to_float(x[i]);
  for (size_t i = 0; i < weight.size(); ++i) wd[i] = to_float(weight[i]);
  for (int64_t n = 0; n < a.n; ++n)
    for (int p = 0; p < a.p; ++p)
      for (int q = 0; q < a.q; ++q)
        for (int k = 0; k < a.k; ++k) {
          double sum = bias != nullptr ? to_float((*bias)[static_cast<size_t>(k)]) : 0,
                 magnitude = std::fabs(sum);
          for (int r = 0; r < a.r; ++r)
            for (int s = 0; s < a.s; ++s) {
              const int h = p * a.stride_h - a.pad_top + r * a.dilation_h;
              const int w = q * a.stride_w - a.pad_left + s * a.dilation_w;
              if (h < 0 || h >= a.h || w < 0 || w >= a.w) continue;
              const double* pixel = xd.data() + ((n * a.h + h) * a.w + w) * a.c + k / kg * cg;
              const double* filter = wd.data() + ((k * a.r + r) * a.s + s) * cg;
              for (int c = 0; c < cg; ++c) {
                sum += pixel[c] * filter[c];
                magnitude += std::fabs(pixel[c] * filter[c]);
              }
            }
          if (residual != nullptr) sum += to_float((*residual)[result.y.size()]);
          if (a.activation.kind == FUSOR_ACTIVATION_RELU) sum = sum < 0 ? 0 : sum;
          if (a.activation.kind == FUSOR_ACTIVATION_GELU) sum = sum * 0.5 * std::erfc(-sum * std::sqrt(0.5));
          result.y.push_back(sum);
          result.magnitude.push_back(magnitude);
        }
  return result;
}

/** Runs `run(stream, arguments)` in every schedule. With `integers` the result must be equal. */
template <class T, class Run>
void check_convolution(const Problem& p, Precision precision, bool integers, int64_t workspace_bytes,
                       Run run) {
  Conv2dArguments a = arguments_of(p, dtype_of<T>());
  a.precision = precision;
  INFO("n ", p.n, " ", p.h, "x", p.w, "x", p.c, " -> ", p.k, ", ", p.r, "x", p.s, " pad ", p.pad, " stride ",
       p.stride, " dilation ", p.dilation, " groups ", p.groups, " dtype ", int{dtype_of<T>()}, " precision ",
       static_cast<int>(precision));
  const auto y_count = static_cast<size_t>(a.n * a.p * a.q * a.k);
  const auto values = [&](size_t count, uint64_t seed) {
    return integers ? random_integers<T>(count, -3, 3, seed) : random_values<T>(count, seed);
  };
  const auto x = values(static_cast<size_t>(a.n * a.h * a.w * a.c), 1);
  const auto weight = values(static_cast<size_t>(a.k * a.r * a.s * (a.c / a.groups)), 2);
  const auto bias = values(static_cast<size_t>(a.k), 3), residual = values(y_count, 4);
  const Reference expected =
      reference(a, x, weight, p.bias ? &bias : nullptr, p.residual ? &residual : nullptr);
  // A sum of m products in f32 is off by at most m roundings of the magnitudes' sum, and on average by their
  // root; the products of rounded operands by those roundings; and the result is rounded to T.
  const double inner = static_cast<double>(a.r) * a.s * (a.c / a.groups);
  double per_magnitude = (std::sqrt(inner) + 2) * 0x1p-24;
  if (a.precision == Precision::tf32) per_magnitude += 2 * 0x1p-11;
  if (a.precision == Precision::bf16x3) per_magnitude += 3 * 0x1p-17;
  const DeviceBuffer<T> dx(x), dw(weight), db(bias), dr(residual);
  in_every_schedule([&] {
    TestStream stream;
    const DeviceBuffer<T> y(y_count);
    const DeviceBuffer<unsigned char> workspace(static_cast<size_t>(workspace_bytes));
    a.x = dx.data();
    a.weight = dw.data();
    a.bias = p.bias ? db.data() : nullptr;
    a.residual = p.residual ? dr.data() : nullptr;
    a.y = y.data();
    a.workspace = workspace.data();
    REQUIRE_OK(run(stream, a));
    REQUIRE_OK(device::synchronize());
    const std::vector<T> actual = y.read();
    size_t wrong = 0, first = 0;
    for (size_t i = 0; i < y_count; ++i) {
      const double e = expected.y[i], got = to_float(actual[i]);
      const double tolerance =
          integers ? 0.0
                   : per_magnitude * expected.magnitude[i] + 1e-6 + 1.01 * rounding_of<T>() * std::fabs(e);
      const double rounded = integers ? to_float(from_float<T>(static_cast<float>(e))) : e;
      if (!(std::fabs(got - rounded) <= tolerance) && wrong++ == 0) first = i;
    }
    INFO(wrong, " of ", y_count, " differ; element ", first, " is ", to_float(actual[first]), ", expected ",
         expected.y[first]);
    CHECK(wrong == 0);
  });
}

inline constexpr fusor_activation kRelu{FUSOR_ACTIVATION_RELU, 0.f, 0.f},
    kGelu{FUSOR_ACTIVATION_GELU, 0.f, 0.f};

}  // namespace fusor::cuda::testing
