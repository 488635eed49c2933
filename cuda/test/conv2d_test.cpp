// Convolutions and matrix products of every algorithm, tile and precision against float64.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "convolution_testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

template <class T>
void check(const Problem& p, const Conv2dChoice& choice, Precision precision = Precision::f32,
           bool integers = false) {
  INFO(describe(choice));
  const int64_t workspace = conv2d_workspace(arguments_of(p, dtype_of<T>()), choice);
  check_convolution<T>(p, precision, integers, workspace,
                       [&](Stream& stream, const Conv2dArguments& a) { return conv2d(stream, a, choice); });
}

Conv2dChoice gemm(Tile tile, int splits = 1) {
  return {Conv2dAlgorithm::implicit_gemm, tile, splits};
}

}  // namespace

TEST_CASE_TEMPLATE("16-bit implicit GEMM of every tile, 3x3 and 1x1", T, bf16, f16) {
  for (const Tile tile : {Tile::t128x128, Tile::t128x64, Tile::t64x64, Tile::t32x64}) {
    // More rows and channels than a tile, no multiples of it, a sum longer than the pipeline.
    check<T>({2, 9, 11, 40, 136, 3, 3, 1, 1, 1, 1, true, true, kRelu}, gemm(tile));
    check<T>({1, 13, 11, 72, 72, 1, 1, 0, 1, 1, 1, true, false, kGelu}, gemm(tile));
  }
}

TEST_CASE_TEMPLATE("strides, dilation, padding beyond the filter, 5x5, 1x1 with stride", T, bf16, float) {
  check<T>({2, 13, 10, 24, 40, 3, 3, 1, 2}, gemm(Tile::t64x64));
  check<T>({1, 14, 14, 16, 24, 3, 3, 2, 1, 2}, gemm(Tile::t64x64));
  check<T>({1, 7, 6, 8, 24, 5, 5, 4, 1}, gemm(Tile::t64x64));
  check<T>({1, 9, 9, 32, 64, 1, 1, 0, 2}, gemm(Tile::t64x64));
  check<T>({1, 5, 17, 16, 8, 1, 7, 0, 1}, gemm(Tile::t64x64));
}

TEST_CASE_TEMPLATE("channels that are no multiples of a vector", T, bf16, f16, float) {
  check<T>({1, 7, 9, 3, 5, 3, 3, 1}, gemm(Tile::t64x64));
  check<T>({2, 5, 7, 13, 17, 3, 3, 1, 1, 1, 1, true, true, kRelu}, gemm(Tile::t64x64));
  check<T>({1, 6, 6, 12, 10, 3, 3, 1}, gemm(Tile::t64x64));
  check<T>({1, 1, 1, 1, 1, 1, 1}, gemm(Tile::t64x64));
  check<T>({3, 1, 1, 37, 1, 1, 1, 0, 1, 1, 1, false}, gemm(Tile::t128x128));
}

TEST_CASE_TEMPLATE("a stem: 7x7 with stride 2 over 4 channels", T, bf16, float) {
  check<T>({1, 20, 18, 4, 24, 7, 7, 3, 2, 1, 1, true, false, kRelu}, gemm(Tile::t128x64));
}

TEST_CASE_TEMPLATE("channels are padded where that makes the copies whole", T, bf16, f16, float) {
  const DeviceProperties& device = emulator::emulated_properties();
  const Problem first{2, 10, 9, 3, 24, 7, 7, 3, 1, 1, 1, true, false, kRelu};
  const Problem ragged{1, 7, 6, 13, 17, 3, 3, 1, 1, 1, 1, true, true};
  for (const Problem& p : {first, ragged}) {
    const Conv2dChoice choice = choose_conv2d(device, arguments_of(p, dtype_of<T>()));
    CHECK(choice.padded_c == (p.c == 3 ? 4 : 16));
    check<T>(p, choice);
  }
  check<T>(ragged, {Conv2dAlgorithm::implicit_gemm, Tile::t64x64, 2, 16});
}

TEST_CASE_TEMPLATE("splits of the sum add up in order", T, bf16, float) {
  for (const int splits : {2, 3}) {
    check<T>({1, 7, 7, 64, 72, 3, 3, 1, 1, 1, 1, true, true, kRelu}, gemm(Tile::t64x64, splits));
  }
  check<T>({1, 5, 5, 40, 11, 3, 3, 1, 1, 1, 1, true, true, kRelu}, gemm(Tile::t64x64, 2));  // unaligned rows
}

TEST_CASE_TEMPLATE("groups", T, bf16, float) {
  check<T>({1, 9, 9, 48, 96, 3, 3, 1, 1, 1, 3, true, true, kRelu}, gemm(Tile::t64x64));
  check<T>({1, 9, 9, 32, 40, 3, 3, 1, 1, 1, 2, true, true}, gemm(Tile::t64x64, 2));
  check<T>({1, 6, 6, 6, 10, 3, 3, 1, 1, 1, 2}, gemm(Tile::t64x64));
  const Conv2dChoice grouped{Conv2dAlgorithm::grouped, Tile::t64x64, 1};
  check<T>({2, 6, 7, 32, 64, 3, 3, 1, 2, 1, 8, true, true, kRelu}, grouped);
  check<T>({1, 5, 5, 3, 7, 3, 3, 1}, grouped);
}

TEST_CASE_TEMPLATE("depthwise", T, bf16, f16, float) {
  const Conv2dChoice depthwise{Conv2dAlgorithm::depthwise, Tile::t64x64, 1};
  check<T>({2, 9, 10, 32, 32, 3, 3, 1, 1, 1, 32, true, true, kRelu}, depthwise);
  check<T>({1, 9, 11, 13, 13, 5, 5, 2, 2, 1, 13}, depthwise);
  check<T>({1, 9, 9, 16, 16, 3, 3, 2, 1, 2, 16, false}, depthwise);
}

TEST_CASE("f32 large tiles, exact, tf32 and bf16x3") {
  const Problem general{2, 9, 11, 20, 136, 3, 3, 1, 1, 1, 1, true, true, kRelu};
  const Problem pointwise{1, 13, 11, 36, 72, 1, 1};
  const Problem odd{1, 5, 6, 7, 9, 3, 3, 1};
  for (const Precision precision : {Precision::f32, Precision::tf32, Precision::bf16x3}) {
    for (const Tile tile : {Tile::t128x128, Tile::t64x64}) {
      check<float>(general, gemm(tile), precision);
      check<float>(pointwise, gemm(tile), precision);
    }
    check<float>(odd, gemm(Tile::t64x64), precision);
  }
}

TEST_CASE("small integers give equal results, in every precision") {
  const Problem p{1, 9, 9, 24, 24, 3, 3, 1, 1, 1, 1, true, true};
  check<float>(p, gemm(Tile::t64x64), Precision::f32, true);
  check<float>(p, gemm(Tile::t64x64), Precision::tf32, true);
  check<float>(p, gemm(Tile::t64x64), Precision::bf16x3, true);
  check<f16>(p, gemm(Tile::t64x64), Precision::f32, true);
  check<bf16>(p, gemm(Tile::t128x64), Precision::f32, true);
}

TEST_CASE("the choice is one that runs, whatever the shape") {
  const DeviceProperties& device = emulator::emulated_properties();
  for (const Problem& p :
       {Problem{1, 7, 7, 64, 64, 3, 3, 1}, Problem{1, 1, 1, 512, 10, 1, 1},
        Problem{1, 6, 6, 8, 8, 3, 3, 1, 1, 1, 8}, Problem{1, 6, 6, 8, 16, 3, 3, 1, 1, 1, 4}}) {
    check<bf16>(p, choose_conv2d(device, arguments_of(p, FUSOR_BF16)));
    check<float>(p, choose_conv2d(device, arguments_of(p, FUSOR_F32)));
  }
}

TEST_CASE("large chips get large tiles for large batches and splits for small ones") {
  DeviceProperties h200;
  h200.major = 9;
  h200.multiprocessors = 132;
  const auto choose = [&](int n, int size, int c, int k, int r) {
    return choose_conv2d(h200, arguments_of({n, size, size, c, k, r, r, r / 2}, FUSOR_BF16));
  };
  CHECK(choose(256, 14, 256, 256, 3).tile == Tile::t128x128);
  CHECK(choose(256, 14, 256, 256, 3).splits == 1);
  CHECK(choose(1, 7, 512, 512, 3).splits > 1);
}

TEST_CASE("ldmatrix meets no bank conflicts") {
  emulator::take_counters();
  check<bf16>({1, 9, 9, 40, 64, 3, 3, 1}, gemm(Tile::t64x64));
  check<float>({1, 9, 9, 40, 64, 3, 3, 1}, gemm(Tile::t64x64), Precision::tf32);
  const emulator::Counters counters = emulator::take_counters();
  CHECK(counters.ldmatrix_phases > 0);
  CHECK(counters.ldmatrix_bank_conflicts == 0);
}

TEST_CASE("no images, no outputs, no inputs") {
  TestStream stream;
  Conv2dArguments a = arguments_of({0, 4, 4, 8, 8, 3, 3, 1}, FUSOR_F32);
  REQUIRE_OK(conv2d(stream, a, gemm(Tile::t64x64)));
  check<float>({1, 3, 3, 0, 4, 3, 3, 1}, choose_conv2d(emulator::emulated_properties(),
                                                       arguments_of({1, 3, 3, 0, 4, 3, 3, 1}, FUSOR_F32)));
}
