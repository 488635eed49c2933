// Layer-norm and add + layer-norm against float64.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "layer_norm/layer_norm.h"

#include "testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

struct Shape {
  int64_t rows, width;
};

template <class T>
void check(Shape shape, bool with_residual, bool with_sum, bool affine) {
  INFO("rows ", shape.rows, ", width ", shape.width, ", residual ", with_residual, ", sum ", with_sum,
       ", affine ", affine);
  const auto count = static_cast<size_t>(shape.rows * shape.width), width = static_cast<size_t>(shape.width);
  const auto x = random_values<T>(count, 1), residual = random_values<T>(count, 2);
  const auto weight = random_values<T>(width, 3), bias = random_values<T>(width, 4);
  std::vector<double> sums(count), expected(count);
  for (size_t row = 0; row < static_cast<size_t>(shape.rows); ++row) {
    double mean = 0, variance = 0;
    for (size_t i = row * width; i < (row + 1) * width; ++i) {
      sums[i] = to_float(x[i]);
      if (with_residual) sums[i] = to_float(from_float<T>(to_float(x[i]) + to_float(residual[i])));
      mean += sums[i] / static_cast<double>(width);
    }
    for (size_t i = row * width; i < (row + 1) * width; ++i) {
      variance += (sums[i] - mean) * (sums[i] - mean) / static_cast<double>(width);
    }
    for (size_t i = 0; i < width; ++i) {
      const double normal = (sums[row * width + i] - mean) / std::sqrt(variance + 1e-5);
      expected[row * width + i] = affine ? normal * to_float(weight[i]) + to_float(bias[i]) : normal;
    }
  }
  const DeviceBuffer<T> dx(x), dr(residual), dw(weight), db(bias);
  in_every_schedule([&] {
    TestStream stream;
    const DeviceBuffer<T> sum(count), output(count);
    LayerNormArguments a;
    a.dtype = dtype_of<T>();
    a.rows = shape.rows;
    a.width = shape.width;
    a.x = dx.data();
    a.residual = with_residual ? dr.data() : nullptr;
    a.weight = affine ? dw.data() : nullptr;
    a.bias = affine ? db.data() : nullptr;
    a.sum = with_sum ? sum.data() : nullptr;
    a.output = output.data();
    REQUIRE_OK(add_layer_norm(stream, a));
    REQUIRE_OK(device::synchronize());
    // A normalised value is near 1 and computed by a handful of roundings of f32 (of sums of `width`
    // numbers), then rounded to T once.
    check_close(output.read(), expected, 1.01 * rounding_of<T>(), 4e-6);
    if (with_sum) check_close(sum.read(), sums, 0, 0);
  });
}

}  // namespace

TEST_CASE_TEMPLATE("add + layer-norm equals float64 on every width class", T, float, f16, bf16) {
  // One element, fewer than a warp, not a multiple of a vector, one to eight vectors a lane, several warps,
  // 64k.
  for (const Shape shape :
       {Shape{3, 1}, {5, 7}, {2, 33}, {9, 64}, {6, 256}, {5, 768}, {3, 1000}, {3, 2048}}) {
    check<T>(shape, true, true, true);
  }
  for (const Shape shape : {Shape{2, 4096}, {1, 8192}, {1, 16384}, {2, 4100}})
    check<T>(shape, true, true, true);
  check<T>({1, 32768}, true, true, true);
  check<T>({1, 65536}, true, true, true);
}

TEST_CASE_TEMPLATE("layer-norm without residual, sum or affine part", T, float, f16, bf16) {
  check<T>({3, 96}, false, false, false);
  check<T>({3, 96}, false, false, true);
  check<T>({3, 97}, true, false, false);
  check<T>({1, 4096}, false, true, true);
}

TEST_CASE_TEMPLATE("layer-norm of more rows than blocks stay", T, float, bf16) {
  // The emulator's card has 4 multiprocessors: 32 blocks of 4 rows, of 1 row, 4 blocks.
  for (const Shape shape : {Shape{301, 56}, {67, 1544}, {9, 16384}}) check<T>(shape, false, false, true);
  check<T>({5, 32768}, false, false, false);
}

TEST_CASE("no rows and no columns are nothing to do") {
  TestStream stream;
  LayerNormArguments a;
  a.rows = 0;
  a.width = 8;
  REQUIRE_OK(add_layer_norm(stream, a));
  a.rows = 8;
  a.width = 0;
  REQUIRE_OK(add_layer_norm(stream, a));
}
