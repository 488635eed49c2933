// Copies between any strides, every element size: permutations, steps, repeats, holes in the destination.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/copy/copy.h"

#include <algorithm>

#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

int64_t dtype_size(int32_t dtype) {
  return element_size(dtype);
}

// A buffer of `sizes` whose dimensions lie in `order` (outermost first), every `step`-th element; its memory
// is filled with distinct bytes.
struct Lying {
  std::vector<unsigned char> bytes;
  fusor_buffer buffer{};

  Lying(int32_t dtype, const std::vector<int64_t>& sizes, const std::vector<int>& order, int64_t step,
        uint32_t seed) {
    buffer.struct_size = sizeof buffer;
    buffer.dtype = dtype;
    buffer.rank = static_cast<int32_t>(sizes.size());
    int64_t stride = step;
    for (size_t i = order.size(); i-- > 0;) {
      const size_t d = static_cast<size_t>(order[i]);
      buffer.sizes[d] = sizes[d];
      buffer.strides[d] = stride;
      stride *= sizes[d];
    }
    bytes.resize(static_cast<size_t>(std::max<int64_t>(stride, 1) * dtype_size(dtype)));
    std::mt19937 generator(seed);
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(generator());
    buffer.data = bytes.data();
    buffer.byte_size = static_cast<int64_t>(bytes.size());
  }
};

// Byte offset of the element with linear index i.
int64_t offset_of(const fusor_buffer& buffer, int64_t i) {
  int64_t offset = 0;
  for (int32_t d = buffer.rank - 1; d >= 0; --d) {
    offset += i % buffer.sizes[d] * buffer.strides[d];
    i /= buffer.sizes[d];
  }
  return offset * dtype_size(buffer.dtype);
}

void check_copy(const KernelSet& kernels, const Lying& source, Lying& destination) {
  const std::vector<unsigned char> before = destination.bytes;
  const int64_t count = element_count(source.buffer), size = dtype_size(source.buffer.dtype);
  Pool& pool = Pool::instance();
  const Pool::Turn turn;
  for (const int threads : {1, 3}) {
    destination.bytes = before;
    pool.set_threads(threads);
    copy_strided(kernels, pool, threads, source.buffer, destination.buffer);
    int64_t wrong = 0;
    std::vector<unsigned char> expected = before;  // what lies between the elements stays
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(expected.data() + offset_of(destination.buffer, i),
                  source.bytes.data() + offset_of(source.buffer, i), static_cast<size_t>(size));
    }
    wrong += expected != destination.bytes;
    CHECK(wrong == 0);
  }
  pool.set_threads(0);
}

}  // namespace

TEST_CASE("every permutation of the dimensions on either side, every element size") {
  on_every_set([](const KernelSet& kernels) {
    for (const int32_t dtype : {FUSOR_U8, FUSOR_F16, FUSOR_F32, FUSOR_I64}) {
      for (const std::vector<int64_t>& sizes : std::vector<std::vector<int64_t>>{{},
                                                                                 {1},
                                                                                 {7},
                                                                                 {33'000},
                                                                                 {5, 3},
                                                                                 {17, 16},
                                                                                 {70, 300},
                                                                                 {1, 40, 1},
                                                                                 {3, 33, 49},
                                                                                 {16, 1, 130},
                                                                                 {2, 19, 5, 37}}) {
        std::vector<int> natural(sizes.size());
        std::iota(natural.begin(), natural.end(), 0);
        std::vector<int> order = natural;
        do {
          const Lying source(dtype, sizes, order, 1, 1);
          Lying contiguous(dtype, sizes, natural, 1, 2);
          check_copy(kernels, source, contiguous);
          const Lying from(dtype, sizes, natural, 1, 3);
          Lying permuted(dtype, sizes, order, 1, 4);
          check_copy(kernels, from, permuted);
        } while (std::next_permutation(order.begin(), order.end()));
      }
    }
  });
}

TEST_CASE("steps on either side, and repeated elements in the source") {
  on_every_set([](const KernelSet& kernels) {
    for (const int32_t dtype : {FUSOR_U8, FUSOR_F32, FUSOR_I64}) {
      const std::vector<int64_t> sizes = {19, 70};
      for (const int64_t from_step : {1, 3}) {
        for (const int64_t to_step : {1, 2}) {
          for (const std::vector<int>& order : {std::vector<int>{0, 1}, {1, 0}}) {
            const Lying source(dtype, sizes, order, from_step, 5);
            Lying destination(dtype, sizes, {0, 1}, to_step, 6);
            check_copy(kernels, source, destination);
          }
        }
      }
      for (const int repeated : {0, 1, 2}) {  // columns, rows, both
        Lying source(dtype, sizes, {0, 1}, 1, 7);
        if (repeated != 0) source.buffer.strides[0] = 0;
        if (repeated != 1) source.buffer.strides[1] = 0;
        Lying destination(dtype, sizes, {0, 1}, 1, 8);
        check_copy(kernels, source, destination);
        Lying transposed(dtype, sizes, {1, 0}, 1, 9);
        check_copy(kernels, source, transposed);
      }
    }
  });
}

TEST_CASE("nothing is copied where there is nothing") {
  on_every_set([](const KernelSet& kernels) {
    const Lying source(FUSOR_F32, {3, 0, 2}, {0, 1, 2}, 1, 1);
    Lying destination(FUSOR_F32, {3, 0, 2}, {2, 1, 0}, 1, 2);
    check_copy(kernels, source, destination);
  });
}
