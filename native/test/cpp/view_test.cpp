// Views against enumeration: every view function is compared, element by element, with what it means.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "tensor/view.h"

using namespace fusor;

namespace {

// The storage offsets of all elements in row-major order: what a view means.
std::vector<int64_t> offsets(const View& view) {
  std::vector<int64_t> result;
  const int64_t count = view.shape.elements();
  for (int64_t number = 0; number < count; ++number) {
    int64_t rest = number, offset = view.offset;
    for (int32_t i = view.shape.rank() - 1; i >= 0; --i) {
      offset += rest % view.shape[i] * view.strides[i];
      rest /= view.shape[i];
    }
    result.push_back(offset);
  }
  return result;
}

std::vector<int64_t> counting(int64_t count) {
  std::vector<int64_t> result(static_cast<size_t>(count));
  std::iota(result.begin(), result.end(), 0);
  return result;
}

class Random {
 public:
  int64_t below(int64_t limit) { return static_cast<int64_t>(generator_() % static_cast<uint64_t>(limit)); }
  bool chance(int percent) { return below(100) < percent; }
  Shape shape(int32_t max_rank, int64_t max_size) {
    Shape result;
    const auto rank = static_cast<int32_t>(below(max_rank + 1));
    for (int32_t i = 0; i < rank; ++i) result.append(chance(25) ? 1 : chance(5) ? 0 : 1 + below(max_size));
    return result;
  }
  // A few random view functions, one after another.
  View view() {
    View result = View::contiguous(shape(4, 5));
    for (int64_t i = below(4); i > 0; --i) result = step(result);
    return result;
  }
  // Some way to write `count` as a product, with ones strewn in.
  Shape factors(int64_t count) {
    Shape result;
    while (count > 1 && result.rank() < 5) {
      std::vector<int64_t> divisors;
      for (int64_t d = 1; d <= count; ++d) {
        if (count % d == 0) divisors.push_back(d);
      }
      const int64_t size = divisors[static_cast<size_t>(below(static_cast<int64_t>(divisors.size())))];
      result.append(size);
      count /= size;
    }
    if (count != 1 || result.rank() == 0) result.append(count);
    return result;
  }

 private:
  View step(const View& view) {
    const int32_t rank = view.shape.rank();
    switch (below(3)) {
      case 0: {
        std::vector<int32_t> order(static_cast<size_t>(rank));
        std::iota(order.begin(), order.end(), 0);
        std::shuffle(order.begin(), order.end(), generator_);
        return permuted(view, order);
      }
      case 1: {
        std::vector<int64_t> start, end, steps;
        for (int32_t i = 0; i < rank; ++i) {
          start.push_back(below(view.shape[i] + 1));
          end.push_back(start.back() + below(view.shape[i] - start.back() + 1));
          steps.push_back(1 + below(3));
        }
        return sliced(view, start, end, steps);
      }
      default: {
        Shape shape;
        if (rank < 5 && chance(30)) shape.append(1 + below(3));
        for (int32_t i = 0; i < rank; ++i) {
          shape.append(view.shape[i] == 1 && chance(50) ? 1 + below(3) : view.shape[i]);
        }
        return expanded(view, shape);
      }
    }
  }

  std::mt19937_64 generator_{7};
};

}  // namespace

TEST_CASE("a contiguous view numbers its elements in order") {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{7}, Shape{2, 3, 4}, Shape{1, 5, 1}}) {
    const View view = View::contiguous(shape);
    CHECK(offsets(view) == counting(shape.elements()));
    CHECK(view.is_contiguous());
    CHECK(view.is_injective());
  }
  CHECK(View::contiguous(Shape{2, 0, 3}).strides[0] == 3);  // as PyTorch: sizes of 0 count as 1
}

TEST_CASE("permuted views take elements in the new order") {
  const View view = permuted(View::contiguous(Shape{2, 3}), std::vector<int32_t>{1, 0});
  CHECK(view.shape == Shape{3, 2});
  CHECK(offsets(view) == std::vector<int64_t>{0, 3, 1, 4, 2, 5});
  CHECK_FALSE(view.is_contiguous());
  CHECK(view.is_injective());
}

TEST_CASE("sliced views take every step-th element between start and end") {
  const std::vector<int64_t> start{1, 0}, end{3, 5}, step{1, 2};
  const View view = sliced(View::contiguous(Shape{4, 5}), start, end, step);
  CHECK(view.shape == Shape{2, 3});
  CHECK(offsets(view) == std::vector<int64_t>{5, 7, 9, 10, 12, 14});
  SUBCASE("an empty slice keeps its offset inside the storage") {
    const std::vector<int64_t> past{4, 5}, one{1, 1};
    const View empty = sliced(View::contiguous(Shape{4, 5}), past, past, one);
    CHECK(empty.shape == Shape{0, 0});
    CHECK(empty.offset == 0);
    CHECK(empty.is_contiguous());
  }
  SUBCASE("a step past the end takes one element, without overflow") {
    const std::vector<int64_t> zero{0, 0}, all{4, 5}, beyond{INT64_MAX, INT64_MAX};
    const View one = sliced(View::contiguous(Shape{4, 5}), zero, all, beyond);
    CHECK(one.shape == Shape{1, 1});
    CHECK(offsets(one) == std::vector<int64_t>{0});
  }
}

TEST_CASE("expanded views repeat elements and cannot be written through") {
  const View view = expanded(View::contiguous(Shape{3, 1}), Shape{2, 3, 2});
  CHECK(offsets(view) == std::vector<int64_t>{0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2});
  CHECK_FALSE(view.is_injective());
  CHECK_FALSE(view.is_contiguous());
  CHECK(expanded(View::contiguous(Shape{3, 1}), Shape{1, 3, 1}).is_injective());
}

TEST_CASE("reshape is a view where strides can say it") {
  const View plain = View::contiguous(Shape{4, 6});
  CHECK(reshaped(plain, Shape{24}).has_value());
  CHECK(reshaped(plain, Shape{2, 2, 3, 2}).has_value());
  const View transposed = permuted(plain, std::vector<int32_t>{1, 0});
  CHECK_FALSE(reshaped(transposed, Shape{24}).has_value());
  CHECK_FALSE(reshaped(transposed, Shape{4, 6}).has_value());
  const auto split = reshaped(transposed, Shape{2, 3, 4});
  REQUIRE(split.has_value());
  CHECK(offsets(*split) == offsets(transposed));
  const View row = expanded(View::contiguous(Shape{3}), Shape{2, 3});
  CHECK_FALSE(reshaped(row, Shape{6}).has_value());
  const View same = expanded(View::contiguous(Shape{1, 1}), Shape{2, 3});
  CHECK(reshaped(same, Shape{6}).has_value());
}

TEST_CASE("reshaped views of any view keep the elements in order, and refusals are right") {
  Random random;
  int views = 0, copies = 0;
  for (int round = 0; round < 20000; ++round) {
    const View view = random.view();
    const Shape shape = random.factors(view.shape.elements());
    const auto result = reshaped(view, shape);
    const std::vector<int64_t> expected = offsets(view);
    if (result) {
      ++views;
      REQUIRE(result->shape == shape);
      REQUIRE(offsets(*result) == expected);
      continue;
    }
    ++copies;
    // No strides can say it: those that the first steps along each dimension ask for give other elements.
    View attempt = View::contiguous(shape);
    attempt.offset = expected[0];
    int64_t step = 1;
    for (int32_t i = shape.rank() - 1; i >= 0; --i) {
      if (shape[i] > 1) attempt.strides[i] = expected[static_cast<size_t>(step)] - expected[0];
      step *= shape[i];
    }
    REQUIRE(offsets(attempt) != expected);
  }
  CHECK(views > 1000);
  CHECK(copies > 1000);
}

TEST_CASE("contiguous and injective say what enumeration says") {
  Random random;
  int contiguous = 0, repeating = 0;
  for (int round = 0; round < 20000; ++round) {
    const View view = random.view();
    const std::vector<int64_t> found = offsets(view);
    std::vector<int64_t> expected = counting(static_cast<int64_t>(found.size()));
    for (int64_t& offset : expected) offset += view.offset;
    REQUIRE(view.is_contiguous() == (found == expected));
    const bool distinct = std::set<int64_t>(found.begin(), found.end()).size() == found.size();
    REQUIRE(view.is_injective() == distinct);
    contiguous += found == expected ? 1 : 0;
    repeating += distinct ? 0 : 1;
  }
  CHECK(contiguous > 1000);
  CHECK(repeating > 1000);
}

TEST_CASE("shapes fit up to 2^62 bytes, sizes of 0 notwithstanding") {
  const int64_t half = int64_t{1} << 31;
  CHECK(shape_fits(Shape{half, half}, 1));
  CHECK_FALSE(shape_fits(Shape{half, half}, 4));
  CHECK_FALSE(shape_fits(Shape{half, half, half, 0}, 1));
  CHECK(shape_fits(Shape{half, 0}, 8));
  CHECK_FALSE(shape_fits(Shape{-1}, 1));
  CHECK(Shape{2, 3}.to_text() == "[2, 3]");
  CHECK(Shape{}.to_text() == "[]");
}
