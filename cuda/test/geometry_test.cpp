// Index arithmetic: division by constants, walks over joined dimensions.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <random>

#include "geometry/dimensions.h"

using namespace fusor::cuda;

TEST_CASE("a Divisor divides exactly, at both ends of both ways") {
  std::mt19937_64 engine(1);
  for (const int64_t d :
       {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{7}, int64_t{641}, (int64_t{1} << 30) + 1,
        (int64_t{1} << 31) - 1, int64_t{1} << 31, (int64_t{1} << 31) + 1, int64_t{1} << 40}) {
    const Divisor divisor(d);
    for (const int64_t n : {int64_t{0}, int64_t{1}, d - 1, d, d + 1, 2 * d - 1, (int64_t{1} << 31) - 1,
                            int64_t{1} << 31, int64_t{1} << 45})
      CHECK(divisor.quotient(n) == n / d);
    for (int i = 0; i < 2000; ++i) {
      const auto n = static_cast<int64_t>(engine() >> (i % 2 ? 33 : 10));
      CHECK(divisor.quotient(n) == n / d);
    }
  }
  for (int64_t d = 1; d < 300; ++d)
    for (int64_t n = 0; n < 3000; n += 7) CHECK(Divisor(d).quotient(n) == n / d);
}

TEST_CASE("contiguous dimensions are joined to one, others as far as they lie together") {
  Dimensions<2> same;
  same.add(4, {60, 60});
  same.add(3, {20, 20});
  same.add(1, {999, 0});
  same.add(20, {1, 1});
  same.order(0);
  CHECK(same.rank == 1);
  CHECK(same.sizes[0] == 240);

  Dimensions<2> bias;  // [2, 3, 4] + [4]
  bias.add(2, {12, 0});
  bias.add(3, {4, 0});
  bias.add(4, {1, 1});
  bias.order(0);
  CHECK(bias.rank == 2);
  CHECK(bias.sizes[0] == 4);
  CHECK(bias.sizes[1] == 6);

  Dimensions<1> nothing;
  nothing.order(0);
  CHECK(nothing.rank == 0);
  CHECK(nothing.count() == 1);
}

TEST_CASE("a walk finds every element of operands in different orders") {
  Dimensions<2> d;  // channels-last output, row-major input [2, 3, 4, 5]
  const int64_t sizes[] = {2, 3, 4, 5}, last[] = {60, 1, 15, 3}, rows[] = {60, 20, 5, 1};
  for (int i = 0; i < 4; ++i) d.add(sizes[i], {last[i], rows[i]});
  d.order(0);
  const Walk<2> walk = d.walk();
  int64_t seen = 0;
  for (int64_t i = 0; i < 120; ++i) {
    int64_t offset[2];
    walk.offsets(i, offset);
    CHECK(offset[0] == i);
    const int64_t n = i / 60, h = i / 15 % 4, w = i / 3 % 5, c = i % 3;
    CHECK(offset[1] == n * 60 + c * 20 + h * 5 + w);
    seen += offset[1];
  }
  CHECK(seen == 119 * 120 / 2);
}
