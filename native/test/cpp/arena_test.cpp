// The arena of a plan: what lives at the same time never shares a byte, and what need not live together does.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "plan/arena.h"
#include "tensor/failure.h"

using namespace fusor;

namespace {

fusor_plan_buffer buffer(int64_t bytes, int32_t first, int32_t last, int32_t reuse_class = 0,
                         int64_t alignment = 64) {
  return {sizeof(fusor_plan_buffer), bytes, alignment, first, last, reuse_class};
}

bool live_together(const fusor_plan_buffer& a, const fusor_plan_buffer& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

// The greatest sum of class 0 alive at one step, plus that of each class: no layout is smaller.
int64_t lower_bound(const std::vector<fusor_plan_buffer>& buffers, int32_t steps) {
  std::map<int32_t, int64_t> most;
  for (int32_t step = 0; step < steps; ++step) {
    std::map<int32_t, int64_t> now;
    for (const auto& b : buffers) {
      if (b.first_step <= step && step <= b.last_step) now[b.reuse_class] += b.bytes;
    }
    for (const auto& [number, bytes] : now) most[number] = std::max(most[number], bytes);
  }
  int64_t sum = 0;
  for (const auto& [number, bytes] : most) sum += bytes;
  return sum;
}

void check_layout(const std::vector<fusor_plan_buffer>& buffers, const ArenaLayout& layout) {
  REQUIRE(layout.offsets.size() == buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) {
    REQUIRE(layout.offsets[i] >= 0);
    REQUIRE(layout.offsets[i] % std::max<int64_t>(buffers[i].alignment, 64) == 0);
    REQUIRE(layout.offsets[i] + buffers[i].bytes <= layout.bytes);
    REQUIRE(layout.alignment % buffers[i].alignment == 0);
    for (size_t k = 0; k < i; ++k) {
      const bool overlap = layout.offsets[i] < layout.offsets[k] + buffers[k].bytes &&
                           layout.offsets[k] < layout.offsets[i] + buffers[i].bytes;
      if (!overlap) continue;
      REQUIRE(buffers[i].reuse_class == buffers[k].reuse_class);
      REQUIRE_FALSE(live_together(buffers[i], buffers[k]));
      // Places of a class are used whole: zero borders stay where they are.
      if (buffers[i].reuse_class != 0) REQUIRE(layout.offsets[i] == layout.offsets[k]);
    }
  }
}

}  // namespace

TEST_CASE("an empty plan needs no arena") {
  CHECK(lay_out_arena({}, 0).bytes == 0);
  CHECK(lay_out_arena({}, 5).bytes == 0);
}

TEST_CASE("a chain of equal buffers needs two of them") {
  std::vector<fusor_plan_buffer> chain;
  for (int32_t i = 0; i < 20; ++i) chain.push_back(buffer(802816, i, i + 1));
  const ArenaLayout layout = lay_out_arena(chain, 21);
  check_layout(chain, layout);
  CHECK(layout.bytes <= 2 * 802816 + 3 * 4096);
}

TEST_CASE("classes share places within the class only") {
  std::vector<fusor_plan_buffer> buffers;
  for (int32_t i = 0; i < 6; ++i) buffers.push_back(buffer(10000, i, i, 1 + i % 2));
  buffers.push_back(buffer(10000, 0, 0));
  buffers.push_back(buffer(10000, 3, 4));
  const ArenaLayout layout = lay_out_arena(buffers, 6);
  check_layout(buffers, layout);
  const std::set<int64_t> places(layout.offsets.begin(), layout.offsets.begin() + 6);
  CHECK(places.size() == 2);
  CHECK(layout.bytes <= 3 * 10000 + 3 * 4096);
}

TEST_CASE("a class's place that was free last is taken first") {
  // 0 and 1 live together; 0 ends at step 1, 1 at step 3. At step 5 both places are free, and 1's is warmer.
  const std::vector<fusor_plan_buffer> buffers{buffer(4096, 0, 1, 1), buffer(4096, 0, 3, 1),
                                               buffer(4096, 5, 5, 1)};
  const ArenaLayout layout = lay_out_arena(buffers, 6);
  check_layout(buffers, layout);
  CHECK(layout.offsets[2] == layout.offsets[1]);
}

TEST_CASE("large buffers that live together start in different cache sets") {
  std::vector<fusor_plan_buffer> buffers;
  for (int32_t i = 0; i < 8; ++i) buffers.push_back(buffer(200704, 0, 9, i % 2));
  const ArenaLayout layout = lay_out_arena(buffers, 10);
  check_layout(buffers, layout);
  std::set<int64_t> sets;
  for (const int64_t offset : layout.offsets) sets.insert(offset % 4096 / 64);
  CHECK(sets.size() == buffers.size());
}

TEST_CASE("no two buffers that live together overlap, whatever their sizes, lives and classes") {
  std::mt19937 generator(11);
  const auto below = [&generator](uint32_t limit) { return static_cast<int32_t>(generator() % limit); };
  double worst = 0;
  for (int round = 0; round < 1500; ++round) {
    const int32_t steps = 1 + below(60);
    const int32_t classes = below(4);
    std::vector<int64_t> class_bytes{0};
    for (int32_t i = 0; i < classes; ++i) class_bytes.push_back(1 + below(300000));
    std::vector<fusor_plan_buffer> buffers;
    for (int32_t count = below(80); count > 0; --count) {
      const int32_t first = below(static_cast<uint32_t>(steps));
      const int32_t last = std::min(steps - 1, first + below(6));
      const int32_t reuse_class = below(static_cast<uint32_t>(classes + 1));
      const int64_t sizes[] = {0, below(64), below(5000), 4096 * (1 + below(200)), below(1000000)};
      const int64_t bytes =
          reuse_class == 0 ? sizes[below(5)] : class_bytes[static_cast<size_t>(reuse_class)];
      const int64_t alignment = below(20) == 0 ? int64_t{1} << below(14) : 64;
      buffers.push_back(buffer(bytes, first, last, reuse_class, alignment));
    }
    const ArenaLayout layout = lay_out_arena(buffers, steps);
    check_layout(buffers, layout);
    const int64_t least = lower_bound(buffers, steps);
    if (least > 4000000)
      worst = std::max(worst, static_cast<double>(layout.bytes) / static_cast<double>(least));
  }
  CHECK(worst < 1.5);  // of random lives; the padding for alignment and skew included
}

TEST_CASE("a backend that describes its buffers wrongly is refused") {
  const auto refused = [](const fusor_plan_buffer& wrong) {
    const std::vector<fusor_plan_buffer> buffers{wrong};
    try {
      lay_out_arena(buffers, 4);
      return false;
    } catch (const Error& error) {
      return error.failure->status() == FUSOR_ERROR_INTERNAL;
    }
  };
  CHECK_FALSE(refused(buffer(10, 0, 3)));
  CHECK(refused(buffer(-1, 0, 3)));
  CHECK(refused(buffer(10, -1, 3)));
  CHECK(refused(buffer(10, 0, 4)));
  CHECK(refused(buffer(10, 3, 2)));
  CHECK(refused(buffer(10, 0, 3, 0, 48)));
  CHECK(refused(buffer(10, 0, 3, 0, 0)));
  const std::vector<fusor_plan_buffer> two_sizes{buffer(10, 0, 1, 5), buffer(20, 2, 3, 5)};
  CHECK_THROWS_AS(lay_out_arena(two_sizes, 4), Error);
}
