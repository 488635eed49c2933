// Pooling against a plain loop in float64: windows over every edge, rows and channels-last.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "op_testing.h"
#include "pool2d/window.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

constexpr Lie kLies[] = {Lie::row_major, Lie::last_second, Lie::gaps};

// The result's size along an axis, as torch.nn.functional.max_pool2d has it.
int64_t outputs(int64_t size, int kernel, int stride, int before, int after, int dilation, bool ceil_mode) {
  const int64_t room = size + before + after - ((kernel - 1) * dilation + 1);
  if (!ceil_mode) return room / stride + 1;
  const int64_t count = (room + stride - 1) / stride + 1;
  return (count - 1) * stride >= size + before ? count - 1 : count;
}

void check_pool(int32_t op, const Array& x, const fusor_pool2d_attributes& a, Lie lie) {
  INFO("op ", op, ", dtype ", x.dtype, ", kernel ", a.kernel[0], "x", a.kernel[1], ", lie ",
       static_cast<int>(lie));
  const int64_t h = x.sizes[2], w = x.sizes[3];
  Array expected{x.dtype, {x.sizes[0], x.sizes[1], 0, 0}, {}};
  for (size_t axis = 0; axis < 2; ++axis)
    expected.sizes[2 + axis] = outputs(x.sizes[2 + axis], a.kernel[axis], a.stride[axis], a.padding[2 * axis],
                                       a.padding[2 * axis + 1], a.dilation[axis], a.ceil_mode != 0);
  for_each(expected.sizes, [&](const Sizes& index, size_t) {
    double greatest = -INFINITY, sum = 0;
    int64_t taps = 0, padded = 0;
    for (int r = 0; r < a.kernel[0]; ++r) {
      for (int s = 0; s < a.kernel[1]; ++s) {
        const int64_t y = index[2] * a.stride[0] - a.padding[0] + r * a.dilation[0];
        const int64_t z = index[3] * a.stride[1] - a.padding[2] + s * a.dilation[1];
        if (y < h + a.padding[1] && z < w + a.padding[3]) ++padded;
        if (y < 0 || z < 0 || y >= h || z >= w) continue;
        const double v = x.at({index[0], index[1], y, z});
        if (std::isnan(v) || v > greatest) greatest = std::isnan(greatest) ? greatest : v;
        sum += v;
        ++taps;
      }
    }
    const double mean = sum / static_cast<double>(a.count_include_pad ? padded : taps);
    expected.values.push_back(op == FUSOR_OP_MAX_POOL2D ? greatest : mean);
  });
  const double relative = op == FUSOR_OP_MAX_POOL2D ? 0 : 1.01 * unit_roundoff(x.dtype) + 1e-6;
  check_array(OpCall(op, a).input(x, lie).output(x.dtype, expected.sizes).run()[0], expected, relative,
              relative);
}

fusor_pool2d_attributes window(int kh, int kw, int sh, int sw, int top, int bottom, int left, int right,
                               int dilation = 1, bool ceil_mode = false, bool counts_padding = true) {
  return {sizeof(fusor_pool2d_attributes),
          {kh, kw},
          {sh, sw},
          {top, bottom, left, right},
          {dilation, dilation},
          ceil_mode,
          counts_padding};
}

}  // namespace

TEST_CASE("windows along one axis: padding, dilation, ends past the image, adaptive bins") {
  PoolAxis axis;
  axis.size = 5, axis.kernel = 3, axis.stride = 2, axis.before = axis.after = 1, axis.counts_padding = true;
  CHECK(axis.window(0).start == 0);
  CHECK(axis.window(0).count == 2);
  CHECK(axis.window(0).divisor == 3);
  CHECK(axis.window(2).start == 3);
  CHECK(axis.window(2).count == 2);
  axis.dilation = 2;
  CHECK(axis.window(0).start == 1);
  CHECK(axis.window(0).count == 2);
  axis = {};
  axis.size = 10, axis.bins = 3;
  for (const auto& [bin, start, count] : {std::tuple{0, 0, 4}, {1, 3, 4}, {2, 6, 4}}) {
    CHECK(axis.window(bin).start == start);
    CHECK(axis.window(bin).count == count);
  }
}

TEST_CASE("max and mean pooling over every edge, rows and channels-last, in every schedule") {
  in_schedules(kFloats, [](int32_t dtype) {
    for (const Lie lie : kLies) {
      const Array x = integers(dtype, {2, 16, 9, 7}, 1, -9, 9), odd = integers(dtype, {1, 5, 8, 6}, 2, -9, 9);
      check_pool(FUSOR_OP_MAX_POOL2D, x, window(3, 3, 2, 2, 1, 1, 1, 1), lie);
      check_pool(FUSOR_OP_MAX_POOL2D, odd, window(2, 3, 1, 2, 0, 1, 1, 0, 2), lie);
      check_pool(FUSOR_OP_MAX_POOL2D, odd, window(3, 2, 2, 2, 1, 1, 0, 1, 1, true), lie);
      check_pool(FUSOR_OP_AVG_POOL2D, x, window(2, 2, 2, 2, 0, 0, 0, 0), lie);
      check_pool(FUSOR_OP_AVG_POOL2D, odd, window(3, 3, 2, 2, 1, 1, 1, 1, 1, true), lie);
      check_pool(FUSOR_OP_AVG_POOL2D, odd, window(3, 3, 2, 2, 1, 1, 1, 1, 1, true, false), lie);
    }
  });
}

TEST_CASE("a NaN in a window is its maximum; windows of -inf stay so") {
  Array x = integers(FUSOR_F32, {1, 4, 4, 4}, 1);
  x.values[5] = NAN;
  for (size_t i = 16; i < 32; ++i) x.values[i] = -INFINITY;
  for (const Lie lie : kLies) check_pool(FUSOR_OP_MAX_POOL2D, x, window(2, 2, 2, 2, 0, 0, 0, 0), lie);
}

TEST_CASE("adaptive pools of every bin size, whole images included") {
  in_schedules(kFloats, [](int32_t dtype) {
    for (const Lie lie : kLies) {
      for (const auto& [oh, ow] : {std::pair{1, 1}, {3, 2}, {7, 9}, {2, 11}}) {
        const Array x = integers(dtype, {2, 40, 7, 9}, 1, -9, 9);
        Array mean{dtype, {2, 40, oh, ow}, {}}, greatest = mean;
        for_each(mean.sizes, [&, oh = oh, ow = ow](const Sizes& index, size_t) {
          double sum = 0, most = -INFINITY;
          const int64_t top = index[2] * 7 / oh, bottom = ((index[2] + 1) * 7 + oh - 1) / oh;
          const int64_t left = index[3] * 9 / ow, right = ((index[3] + 1) * 9 + ow - 1) / ow;
          for (int64_t y = top; y < bottom; ++y)
            for (int64_t z = left; z < right; ++z) {
              sum += x.at({index[0], index[1], y, z});
              most = std::max(most, x.at({index[0], index[1], y, z}));
            }
          mean.values.push_back(sum / static_cast<double>((bottom - top) * (right - left)));
          greatest.values.push_back(most);
        });
        const fusor_adaptive_pool2d_attributes a{sizeof a, {oh, ow}};
        check_array(OpCall(FUSOR_OP_ADAPTIVE_AVG_POOL2D, a).input(x, lie).output(dtype, mean.sizes).run()[0],
                    mean, 1.01 * unit_roundoff(dtype) + 1e-6, 1e-6);
        check_array(OpCall(FUSOR_OP_ADAPTIVE_MAX_POOL2D, a).input(x, lie).output(dtype, mean.sizes).run()[0],
                    greatest, 0, 0);
      }
    }
  });
}
