#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/where/where.h"

#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

// Element (i, j) of an operand of shape [rows or 1, columns or 1].
template <class T>
T element(const Array<T>& array, int64_t i, int64_t j) {
  return array[(array.shape[0] == 1 ? 0 : i) * array.shape[1] + (array.shape[1] == 1 ? 0 : j)];
}

template <class T>
void check(const KernelSet& kernels, int64_t rows, int64_t columns) {
  const std::vector<std::vector<int64_t>> shapes = {{rows, columns}, {1, columns}, {rows, 1}, {1, 1}};
  std::mt19937 generator(7);
  const auto fill = [&](auto& array) {
    for (auto& x : array.data) x = static_cast<std::decay_t<decltype(x)>>(generator());
  };
  for (const auto& condition_shape : shapes) {
    for (const auto& a_shape : shapes) {
      for (const auto& b_shape : shapes) {
        Array<uint8_t> condition(condition_shape);
        Array<T> a(a_shape), b(b_shape);
        fill(a), fill(b);
        for (uint8_t& x : condition.data) x = static_cast<uint8_t>(generator() % 3);  // 2 is true as well
        const auto size = [&](size_t d) { return std::max({condition_shape[d], a_shape[d], b_shape[d]}); };
        Array<T> y({size(0), size(1)});
        const fusor_buffer inputs[] = {condition.buffer(), a.buffer(), b.buffer()};
        fusor_buffer output = y.buffer();
        run_op(kernels, where_op, nullptr, {&inputs[0], &inputs[1], &inputs[2]}, {&output});
        int64_t wrong = 0;
        for (int64_t i = 0; i < y.shape[0]; ++i) {
          for (int64_t j = 0; j < y.shape[1]; ++j) {
            const T expected = element(condition, i, j) ? element(a, i, j) : element(b, i, j);
            wrong += std::memcmp(&y[i * y.shape[1] + j], &expected, sizeof(T)) != 0;
          }
        }
        CHECK(wrong == 0);
      }
    }
  }
}

}  // namespace

TEST_CASE("where picks by condition, every element size, every operand broadcast or not") {
  on_every_set([](const KernelSet& kernels) {
    for (const auto& [rows, columns] : {std::pair<int64_t, int64_t>{1, 1}, {3, 5}, {7, 33}, {2, 300}}) {
      check<uint8_t>(kernels, rows, columns);
      check<int32_t>(kernels, rows, columns);
      check<int64_t>(kernels, rows, columns);
      check<float>(kernels, rows, columns);
    }
  });
}

TEST_CASE("16-bit floats are moved as they are, NaN payloads included") {
  on_every_set([](const KernelSet& kernels) {
    std::vector<uint16_t> a(100), b(100), y(100);
    std::vector<uint8_t> condition(100);
    for (size_t i = 0; i < 100; ++i) {
      a[i] = static_cast<uint16_t>(0x7c01 + i);
      b[i] = static_cast<uint16_t>(0xfc01 + i);
      condition[i] = i % 2;
    }
    Array<uint8_t> shape({100});
    fusor_buffer inputs[3] = {shape.buffer(), shape.buffer(), shape.buffer()}, output = shape.buffer();
    inputs[0].data = condition.data();
    inputs[1].dtype = inputs[2].dtype = output.dtype = FUSOR_F16;
    inputs[1].data = a.data();
    inputs[2].data = b.data();
    output.data = y.data();
    describe_contiguous(output);
    run_op(kernels, where_op, nullptr, {&inputs[0], &inputs[1], &inputs[2]}, {&output});
    for (size_t i = 0; i < 100; ++i) CHECK(y[i] == (i % 2 ? a[i] : b[i]));
  });
}
