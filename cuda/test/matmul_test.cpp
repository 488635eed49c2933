// Batches of matrix products against float64: broadcasting, transposed views, one launch for all.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "conv2d/conv2d.h"
#include "op_testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

Sizes broadcast(const Sizes& a, const Sizes& b) {
  Sizes y(std::max(a.size(), b.size()));
  for (size_t i = 0; i < y.size(); ++i) {
    const int64_t of_a = i < a.size() ? a[a.size() - 1 - i] : 1,
                  of_b = i < b.size() ? b[b.size() - 1 - i] : 1;
    y[y.size() - 1 - i] = of_a == 1 ? of_b : of_a;
  }
  return y;
}

/** The last indices of `index` as one into `sizes`, whose dimensions of one element are repeated. */
Sizes project(const Sizes& index, const Sizes& sizes) {
  Sizes result(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i)
    result[i] = sizes[i] == 1 ? 0 : index[index.size() - sizes.size() + i];
  return result;
}

/** a [batch of a..., m, k] times b [batch of b..., k, n], and the sums of the terms' magnitudes. */
struct Product {
  Array y, magnitude;
};
Product multiply(const Array& a, const Array& b) {
  const Sizes a_batch(a.sizes.begin(), a.sizes.end() - 2), b_batch(b.sizes.begin(), b.sizes.end() - 2);
  const int64_t m = a.sizes[a.sizes.size() - 2], k = a.sizes.back(), n = b.sizes.back();
  Sizes sizes = broadcast(a_batch, b_batch);
  const size_t rank = sizes.size();
  sizes.insert(sizes.end(), {m, n});
  Product product{{a.dtype, sizes, {}}, {a.dtype, sizes, {}}};
  for_each(sizes, [&](const Sizes& index, size_t) {
    const Sizes batch(index.begin(), index.begin() + static_cast<ptrdiff_t>(rank));
    Sizes of_a = project(batch, a_batch), of_b = project(batch, b_batch);
    of_a.insert(of_a.end(), {index[rank], 0});
    of_b.insert(of_b.end(), {0, index[rank + 1]});
    double sum = 0, magnitude = 0;
    for (int64_t i = 0; i < k; ++i) {
      of_a.back() = i;
      of_b[of_b.size() - 2] = i;
      const double term = a.at(of_a) * b.at(of_b);
      sum += term;
      magnitude += std::fabs(term);
    }
    product.y.values.push_back(sum);
    product.magnitude.values.push_back(magnitude);
  });
  return product;
}

/** Equal for integers; else each within the rounding of its terms. */
void check(const Array& a, const Array& b, bool exact, Lie a_lie = Lie::row_major,
           Lie b_lie = Lie::row_major) {
  INFO("dtype ", a.dtype, ", lies ", static_cast<int>(a_lie), " ", static_cast<int>(b_lie), ", a rank ",
       a.sizes.size(), ", m ", a.sizes[a.sizes.size() - 2], ", k ", a.sizes.back(), ", n ", b.sizes.back());
  Product expected = multiply(a, b);
  const Array actual = OpCall(FUSOR_OP_MATMUL, nullptr)
                           .input(a, a_lie)
                           .input(b, b_lie)
                           .output(a.dtype, expected.y.sizes)
                           .run()[0];
  if (exact) {
    for (double& value : expected.y.values) value = rounded(a.dtype, value);
    return check_array(actual, expected.y, 0, 0);
  }
  const double terms = static_cast<double>(a.sizes.back());
  REQUIRE(actual.sizes == expected.y.sizes);
  size_t wrong = 0;
  for (size_t i = 0; i < actual.values.size(); ++i) {
    const double tolerance = (std::sqrt(terms) + 2) * 0x1p-24 * expected.magnitude.values[i] + 1e-6 +
                             1.01 * unit_roundoff(a.dtype) * std::fabs(expected.y.values[i]);
    wrong += !(std::fabs(actual.values[i] - expected.y.values[i]) <= tolerance);
  }
  CHECK(wrong == 0);
}

void check_both(int32_t dtype, const Sizes& a, const Sizes& b, Lie a_lie = Lie::row_major,
                Lie b_lie = Lie::row_major) {
  check(integers(dtype, a, 1, -3, 3), integers(dtype, b, 2, -3, 3), true, a_lie, b_lie);
  check(uniform(dtype, a, 3), uniform(dtype, b, 4), false, a_lie, b_lie);
}

/** As set by FUSOR_CUDA_EMULATED_CAPABILITY, for the length of this. */
class Card {
 public:
  explicit Card(int major) : before_(emulator::emulated_properties().major) {
    emulator::emulated_properties().major = major;
  }
  ~Card() { emulator::emulated_properties().major = before_; }
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;

 private:
  int before_;
};

}  // namespace

TEST_CASE("attention: queries by keys that lie in another order, and weights by values") {
  for (const int major : {8, 9}) {
    const Card card(major);
    INFO("sm_", major, "0");
    in_schedules(kFloats, [](int32_t dtype) {
      // 2 images, 2 heads, 19 tokens of 16.
      check_both(dtype, {2, 2, 19, 16}, {2, 2, 16, 19}, Lie::row_major, Lie::reversed);
      check_both(dtype, {2, 2, 19, 19}, {2, 2, 19, 16});
    });
  }
}

TEST_CASE("batches are broadcast either way, in one dimension and in several") {
  in_schedules(kFloats, [](int32_t dtype) {
    check_both(dtype, {3, 5, 8}, {1, 8, 7});
    check_both(dtype, {1, 5, 8}, {3, 8, 7});
    check_both(dtype, {5, 8}, {3, 8, 7});
    check_both(dtype, {2, 1, 3, 5, 8}, {2, 1, 8, 9});     // a step, none, a step
    check_both(dtype, {2, 3, 2, 3, 8}, {1, 3, 1, 8, 5});  // none, a step, none
  });
}

TEST_CASE("products of all sizes: 1, odd, more than a tile, sums that are split") {
  in_schedules(kFloats, [](int32_t dtype) {
    check_both(dtype, {3, 1, 1}, {3, 1, 1});
    check_both(dtype, {2, 1, 24}, {2, 24, 130});
    check_both(dtype, {2, 131, 7}, {2, 7, 3});
    check_both(dtype, {2, 3, 519}, {2, 519, 5});
  });
  check_both(FUSOR_F32, {2, 3, 0}, {2, 0, 5});
  check_both(FUSOR_F32, {0, 3, 4}, {0, 4, 5});
}

TEST_CASE("Hopper's kernel takes batches: tiles end with their matrix, broadcast ones are read again") {
  const DeviceProperties& device = emulator::emulated_properties();
  for (const Sizes& b : {Sizes{3, 64, 72}, Sizes{1, 64, 72}}) {
    const Array left = integers(FUSOR_BF16, {3, 130, 64}, 1, -3, 3),
                right = integers(FUSOR_BF16, b, 2, -3, 3);
    Conv2dArguments product = matrix_product(FUSOR_BF16, 130, 72, 64);
    product.batch.add(3, 1, b[0] == 1 ? 0 : 1);
    product.batch.x_matrices = 3;
    product.batch.weight_matrices = b[0];
    std::vector<bf16> x, weight(static_cast<size_t>(b[0] * 64 * 72));
    for (const double value : left.values) x.push_back(from_float<bf16>(static_cast<float>(value)));
    for_each(b, [&](const Sizes& index, size_t i) {
      weight[static_cast<size_t>((index[0] * 72 + index[2]) * 64 + index[1])] =
          from_float<bf16>(static_cast<float>(right.values[i]));
    });
    Array expected = multiply(left, right).y;
    for (double& value : expected.values) value = rounded(FUSOR_BF16, value);
    const DeviceBuffer<bf16> dx(x), dw(weight);
    product.x = dx.data();
    product.weight = dw.data();
    for (const Tile tile : {Tile::t128x128, Tile::t128x64}) {
      in_every_schedule([&] {
        TestStream stream;
        const DeviceBuffer<bf16> y(expected.values.size());
        product.y = y.data();
        REQUIRE(choose_conv2d(device, product).padded_c == 0);
        REQUIRE_OK(conv2d(stream, product, {Conv2dAlgorithm::hopper, tile, 1}));
        REQUIRE_OK(device::synchronize());
        check_close(y.read(), expected.values, 0, 0);
      });
    }
  }
}

TEST_CASE("a batch is one launch, whatever its size") {
  emulator::set_schedule(emulator::Schedule::forward);
  const auto launches = [](int64_t batch) {
    const Array a = integers(FUSOR_F32, {batch, 4, 8}, 1), b = integers(FUSOR_F32, {batch, 4, 8}, 2);
    OpCall call(FUSOR_OP_MATMUL, nullptr);
    call.input(a).input({b.dtype, {batch, 8, 4}, b.values}).output(FUSOR_F32, {batch, 4, 4});
    emulator::take_counters();
    call.run();
    return emulator::take_counters().launches;
  };
  CHECK(launches(2) == launches(20));
}

TEST_CASE("dimensions of a batch that step alike are one") {
  MatrixBatch batch;
  batch.add(5, 1, 0);
  batch.add(1, 0, 0);
  batch.add(3, 5, 0);
  batch.add(2, 0, 1);
  CHECK(batch.count == 30);
  REQUIRE(batch.rank == 2);
  CHECK(batch.sizes[0] == 15);
  CHECK(batch.x_steps[1] == 0);
  CHECK(batch.weight_steps[1] == 1);
}
