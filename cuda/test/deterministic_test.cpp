// OpOptions::deterministic: a sum's order is the same for every batch.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <cstring>

#include "convolution_testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

DeviceProperties card(int major) {
  DeviceProperties properties;
  properties.major = major;
  properties.multiprocessors = 132;
  return properties;
}

Conv2dArguments of_batch(Problem p, int n, fusor_dtype dtype) {
  p.n = n;
  Conv2dArguments a = arguments_of(p, dtype);
  a.deciding_n = 8;
  return a;
}

const Problem kLate{1, 7, 7, 512, 512, 3, 3, 1}, kEarly{1, 56, 56, 64, 256, 1, 1},
    kFew{1, 14, 14, 256, 13, 3, 3, 1};

}  // namespace

TEST_CASE("algorithm and splits are those of the batch that decides") {
  for (const int major : {8, 9}) {
    for (const fusor_dtype dtype : {FUSOR_F32, FUSOR_F16, FUSOR_BF16}) {
      for (const Problem& p : {kLate, kEarly, kFew}) {
        const Conv2dChoice first = choose_conv2d(card(major), of_batch(p, 1, dtype));
        for (const int n : {2, 8, 33, 256}) {
          const Conv2dChoice choice = choose_conv2d(card(major), of_batch(p, n, dtype));
          CHECK(choice.algorithm == first.algorithm);
          CHECK(choice.splits == first.splits);
        }
      }
    }
  }
}

TEST_CASE("without it they are the batch's own, so that the test above can fail") {
  const auto splits = [](int n) {
    Conv2dArguments a = of_batch(kLate, n, FUSOR_F32);
    a.deciding_n = 0;
    return choose_conv2d(card(8), a).splits;
  };
  CHECK(splits(1) != splits(256));
}

TEST_CASE("tiles are still the batch's own, and give the same bits") {
  const Problem shape_of_many{1, 14, 14, 256, 256, 3, 3, 1};
  CHECK(choose_conv2d(card(8), of_batch(shape_of_many, 1, FUSOR_BF16)).tile !=
        choose_conv2d(card(8), of_batch(shape_of_many, 256, FUSOR_BF16)).tile);
  const Problem p{1, 9, 9, 40, 72, 3, 3, 1, 1, 1, 1, true, false, kRelu};
  const Conv2dArguments shape = arguments_of(p, FUSOR_BF16);
  const auto x = random_values<bf16>(static_cast<size_t>(shape.h * shape.w * shape.c), 1);
  const auto weight = random_values<bf16>(static_cast<size_t>(shape.k * 9 * shape.c), 2);
  const DeviceBuffer<bf16> dx(x), dw(weight);
  std::vector<std::vector<bf16>> results;
  for (const Tile tile : {Tile::t128x128, Tile::t128x64, Tile::t64x64, Tile::t32x64}) {
    TestStream stream;
    const DeviceBuffer<bf16> y(static_cast<size_t>(shape.p * shape.q * shape.k));
    Conv2dArguments a = shape;
    a.x = dx.data();
    a.weight = dw.data();
    a.y = y.data();
    REQUIRE_OK(conv2d(stream, a, {Conv2dAlgorithm::implicit_gemm, tile, 1}));
    REQUIRE_OK(device::synchronize());
    results.push_back(y.read());
  }
  for (const auto& result : results) {
    CHECK(std::memcmp(result.data(), results[0].data(), result.size() * sizeof(bf16)) == 0);
  }
}
