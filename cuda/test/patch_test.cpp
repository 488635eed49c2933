// Convolutions of up to four channels by patches in shared memory, against float64: any order of the image,
// any filter with an even stride. With a max-pool behind: pooled_test.cpp.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "conv2d/patch.h"

#include "convolution_testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

template <class T>
void check(const Problem& p, bool integers = false) {
  const Conv2dArguments a = arguments_of(p, dtype_of<T>());
  REQUIRE(choose_conv2d(emulator::emulated_properties(), a).algorithm == Conv2dAlgorithm::patch);
  check_convolution<T>(p, Precision::f32, integers, 0, [](Stream& stream, const Conv2dArguments& arguments) {
    return conv2d(stream, arguments, choose_conv2d(*stream.properties, arguments));
  });
}

}  // namespace

TEST_CASE_TEMPLATE("filters from 1 to 16, channels from 1 to 4, more filters than a tile", T, bf16, f16) {
  check<T>({2, 37, 41, 3, 70, 7, 7, 3, 2, 1, 1, true, false, kRelu});
  check<T>({1, 19, 23, 1, 5, 1, 1, 0, 2});
  check<T>({3, 11, 9, 2, 64, 3, 3, 1, 2, 1, 1, false, false, kGelu});
  check<T>({1, 31, 29, 4, 8, 5, 4, 2, 4});
  check<T>({1, 25, 40, 3, 9, 2, 16, 8, 2});
  check<T>({1, 40, 33, 3, 65, 9, 11, 5, 6});
}

TEST_CASE_TEMPLATE("small integers come out exactly", T, bf16, f16) {
  check<T>({2, 30, 27, 3, 33, 7, 7, 3, 2}, true);
  check<T>({1, 64, 66, 4, 16, 3, 3, 1, 2}, true);
}

TEST_CASE("an image in planes, and one that is repeated, with strided weights and bias") {
  const Problem p{2, 21, 18, 3, 13, 3, 3, 1, 2};
  Conv2dArguments a = arguments_of(p, FUSOR_BF16);
  const auto planes = random_values<bf16>(static_cast<size_t>(a.n * a.c * a.h * a.w), 1);
  const auto weight = random_values<bf16>(static_cast<size_t>(a.k * a.c * a.r * a.s), 2);
  const auto bias = random_values<bf16>(static_cast<size_t>(a.k * 2), 3);
  for (const bool repeated : {false, true}) {  // the second image is the first again
    // The same, channels last and without gaps, for the reference.
    std::vector<bf16> x, w, b;
    for (int n = 0; n < 2; ++n)
      for (int pixel = 0; pixel < a.h * a.w; ++pixel)
        for (int c = 0; c < a.c; ++c)
          x.push_back(planes[static_cast<size_t>(((repeated ? 0 : n) * a.c + c) * a.h * a.w + pixel)]);
    for (int k = 0; k < a.k; ++k)
      for (int tap = 0; tap < a.r * a.s; ++tap)
        for (int c = 0; c < a.c; ++c)
          w.push_back(weight[static_cast<size_t>((k * a.c + c) * a.r * a.s + tap)]);
    for (int k = 0; k < a.k; ++k) b.push_back(bias[static_cast<size_t>(2 * k)]);
    const Reference expected = reference<bf16>(a, x, w, &b, nullptr);

    TestStream stream;
    const DeviceBuffer<bf16> dx(planes), dw(weight), db(bias), y(expected.y.size());
    a.x = dx.data();
    a.weight = dw.data();
    a.bias = db.data();
    a.y = y.data();
    const int64_t plane = int64_t{a.h} * a.w, taps = int64_t{a.r} * a.s;
    REQUIRE_OK(patch_conv2d(stream, a,
                            {{repeated ? 0 : a.c * plane, plane, a.w, 1}, {a.c * taps, taps, a.s, 1}, 2}));
    REQUIRE_OK(device::synchronize());
    const std::vector<bf16> actual = y.read();
    for (size_t i = 0; i < actual.size(); ++i)
      REQUIRE(std::fabs(to_float(actual[i]) - expected.y[i]) <= 0x1p-8 * std::fabs(expected.y[i]) + 1e-5);
  }
}

TEST_CASE("infinities beside a filter are not taken for its taps") {
  const Problem p{1, 20, 24, 3, 8, 7, 7, 3, 2};
  Conv2dArguments a = arguments_of(p, FUSOR_BF16);
  auto x = random_values<bf16>(static_cast<size_t>(a.h * a.w * a.c), 1);
  const int h = 9, w = 12;
  x[static_cast<size_t>((h * a.w + w) * a.c + 1)] = from_float<bf16>(INFINITY);
  const auto weight = random_values<bf16>(static_cast<size_t>(a.k * a.r * a.s * a.c), 2);
  TestStream stream;
  const DeviceBuffer<bf16> dx(x), dw(weight), y(static_cast<size_t>(a.p * a.q * a.k));
  a.x = dx.data();
  a.weight = dw.data();
  a.y = y.data();
  REQUIRE_OK(conv2d(stream, a, choose_conv2d(emulator::emulated_properties(), a)));
  REQUIRE_OK(device::synchronize());
  const std::vector<bf16> actual = y.read();
  for (int i = 0; i < a.p; ++i)
    for (int j = 0; j < a.q; ++j) {
      const int r = h + a.pad_top - i * 2, s = w + a.pad_left - j * 2;
      const bool sees = r >= 0 && r < a.r && s >= 0 && s < a.s;
      CHECK(std::isinf(to_float(actual[static_cast<size_t>((i * a.q + j) * a.k)])) == sees);
    }
}

TEST_CASE("what it does not support is left to others") {
  const DeviceProperties& device = emulator::emulated_properties();
  const auto supports = [&](Problem p, fusor_dtype dtype = FUSOR_BF16, const void* residual = nullptr) {
    Conv2dArguments a = arguments_of(p, dtype);
    a.residual = residual;
    return patch_conv2d_supports(device, a);
  };
  const Problem stem{1, 32, 32, 3, 64, 7, 7, 3, 2};
  CHECK(supports(stem));
  CHECK(!supports(stem, FUSOR_F32));
  CHECK(!supports(stem, FUSOR_BF16, &device));
  CHECK(!supports({1, 32, 32, 5, 64, 7, 7, 3, 2}));        // channels
  CHECK(!supports({1, 32, 32, 3, 64, 7, 7, 3, 1}));        // an odd stride
  CHECK(!supports({1, 32, 32, 3, 64, 7, 7, 3, 2, 2}));     // dilated
  CHECK(!supports({1, 32, 32, 4, 64, 3, 3, 1, 2, 1, 2}));  // groups
  CHECK(!supports({1, 224, 224, 3, 64, 16, 16, 0, 16}));   // patches of a vision transformer
  CHECK(!supports({1, 32, 32, 3, 64, 3, 17, 8, 2}));       // a wide filter
}
