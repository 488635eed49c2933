// The Hopper convolution against float64, on the emulator's models of TMA, mbarrier and wgmma.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "conv2d/hopper.h"

#include "convolution_testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

template <class T>
void check(const Problem& p, bool wide, bool integers = false) {
  INFO("tiles of ", wide ? 128 : 64);
  REQUIRE(hopper_conv2d_supports(emulator::emulated_properties(), arguments_of(p, dtype_of<T>())));
  for (const bool constant_weight : {false, true}) {
    INFO("weights read before earlier launches have ended: ", constant_weight);
    check_convolution<T>(p, Precision::f32, integers, 0, [&](Stream& stream, Conv2dArguments a) {
      a.constant_weight = constant_weight;
      return hopper_conv2d(stream, a, wide);
    });
  }
}

}  // namespace

TEST_CASE_TEMPLATE("3x3 and 1x1 with residual and ReLU, more tiles than blocks", T, bf16, f16) {
  for (const bool wide : {false, true}) {
    // 4 blocks share 8 or 10 tiles: both consumers of a block have several.
    check<T>({5, 11, 13, 72, 136, 3, 3, 1, 1, 1, 1, true, true, kRelu}, wide);
    check<T>({5, 11, 13, 64, 72, 1, 1, 0, 1, 1, 1, true, true}, wide);
  }
}

TEST_CASE("strides, dilation, asymmetric sizes, 7x7") {
  check<bf16>({2, 13, 10, 24, 40, 3, 3, 1, 2}, false);
  check<bf16>({1, 14, 15, 16, 24, 3, 3, 2, 1, 2, 1, false}, false);
  check<bf16>({2, 15, 9, 8, 64, 7, 7, 3, 2, 1, 1, true, false, kRelu}, false);
  check<bf16>({3, 9, 9, 128, 64, 1, 1, 0, 2}, true);
  check<bf16>({1, 5, 17, 16, 8, 1, 7, 0, 1}, false);
}

TEST_CASE("one tile, one pixel, a sum longer than the ring") {
  check<bf16>({1, 1, 1, 8, 8, 1, 1}, false);
  check<bf16>({1, 4, 4, 200, 8, 3, 3, 1}, true);
  check<bf16>({130, 1, 1, 512, 16, 1, 1}, false);
}

TEST_CASE("small integers give equal results") {
  check<bf16>({2, 9, 9, 72, 72, 3, 3, 1, 1, 1, 1, true, true}, false, true);
  check<f16>({2, 9, 9, 72, 72, 3, 3, 1, 1, 1, 1, true, true}, true, true);
}

TEST_CASE_TEMPLATE("splits of the sum, of unequal lengths, add up in order", T, bf16, f16) {
  const auto check_split = [](const Problem& p, bool wide, int splits, bool integers = false) {
    const Conv2dChoice choice{Conv2dAlgorithm::hopper, wide ? Tile::t128x128 : Tile::t128x64, splits};
    INFO(splits, " splits");
    check_convolution<T>(p, Precision::f32, integers,
                         conv2d_workspace(arguments_of(p, dtype_of<T>()), choice),
                         [&](Stream& stream, const Conv2dArguments& a) { return conv2d(stream, a, choice); });
  };
  // 9 * 2 steps: 5 + 5 + 5 + 3, the filter's place and the channels in the middle of both.
  check_split({3, 7, 7, 72, 40, 3, 3, 1, 1, 1, 1, true, true, kRelu}, false, 4);
  check_split({2, 7, 9, 136, 136, 1, 1, 0, 1, 1, 1, true, true}, true, 3);
  check_split({5, 11, 13, 64, 72, 3, 3, 1}, false, 2, true);
}

TEST_CASE("long sums of few pixels are split on Hopper, and others are not") {
  DeviceProperties h200 = emulator::emulated_properties();
  h200.multiprocessors = 132;
  const auto choose = [&](const Problem& p) { return choose_conv2d(h200, arguments_of(p, FUSOR_BF16)); };
  const Conv2dChoice late = choose({8, 7, 7, 512, 512, 3, 3, 1});
  CHECK(late.algorithm == Conv2dAlgorithm::hopper);
  CHECK(late.splits > 1);
  CHECK(describe(late).find("tma + wgmma 128x") == 0);
  CHECK(describe(late).find(" splits") != std::string::npos);
  CHECK(choose({256, 7, 7, 512, 512, 3, 3, 1}).splits == 1);
}

TEST_CASE("what the kernel does not do, it says") {
  const DeviceProperties& hopper = emulator::emulated_properties();
  DeviceProperties ampere = hopper;
  ampere.major = 8;
  const Problem p{1, 8, 8, 64, 64, 3, 3, 1};
  CHECK(hopper_conv2d_supports(hopper, arguments_of(p, FUSOR_BF16)));
  CHECK(!hopper_conv2d_supports(ampere, arguments_of(p, FUSOR_BF16)));
  CHECK(!hopper_conv2d_supports(hopper, arguments_of(p, FUSOR_F32)));
  CHECK(!hopper_conv2d_supports(hopper, arguments_of({1, 8, 8, 12, 64, 3, 3, 1}, FUSOR_BF16)));
  CHECK(!hopper_conv2d_supports(hopper, arguments_of({1, 8, 8, 64, 64, 3, 3, 1, 1, 1, 2}, FUSOR_BF16)));
  CHECK(!hopper_conv2d_supports(
      hopper, arguments_of({1, 8, 8, 64, 64, 3, 3, 1, 1, 1, 1, true, false, kGelu}, FUSOR_BF16)));
}
