// Changes of layout, on every instruction set of this machine.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "cpu/geometry.h"
#include "cpu/isa/kernel_set.h"
#include "cpu/layout/convert.h"

using namespace fusor::cpu;

namespace {

constexpr float kPoison = -77.f;

fusor_buffer strided(void* data, int32_t dtype, std::vector<int64_t> sizes, std::vector<int64_t> strides,
                     int64_t byte_offset = 0) {
  fusor_buffer b{};
  b.struct_size = sizeof b;
  b.dtype = dtype;
  b.rank = static_cast<int32_t>(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) b.sizes[i] = sizes[i], b.strides[i] = strides[i];
  b.data = data;
  b.byte_offset = byte_offset;
  return b;
}

struct Blocked {
  std::vector<float> storage;
  fusor_buffer buffer;
  Blocked(std::vector<int64_t> sizes, int lanes, const Halo& halo)
      : buffer(strided(nullptr, FUSOR_F32, sizes, sizes)) {
    describe_blocked(buffer, lanes, halo);
    storage.assign(static_cast<size_t>(buffer.byte_size / 4), kPoison);
    buffer.data = storage.data();
  }
};

fusor_status convert(const KernelSet& kernels, const fusor_buffer& from, const fusor_buffer& to,
                     int threads = 2) {
  const Pool::Turn turn;
  return convert_layout(kernels, Pool::instance(), threads, from, to);
}

template <class Body>
void for_each_set(Body&& body) {
  const KernelSetList list = runnable_kernels();
  for (int i = 0; i < list.count; ++i) {
    INFO("instruction set ", std::string(list.sets[i]->name));
    body(*list.sets[i]);
  }
}

}  // namespace

TEST_CASE("any strides to blocked and back, leaving the halo alone and zeroing lanes past the channels") {
  Pool::instance().set_threads(2);
  for_each_set([](const KernelSet& kernels) {
    const int64_t n = 2;
    for (int64_t c : {1, 3, 4, 7, 16, 17, 33})
      for (int64_t h : {1, 3, 40})
        for (int64_t w : {1, 5, 8, 15, 16, 17, 50}) {
          std::vector<float> source(static_cast<size_t>(n * c * h * w * 2 + 8));
          std::iota(source.begin(), source.end(), 1.f);
          const std::vector<std::vector<int64_t>> all_strides = {
              {c * h * w, h * w, w, 1},              // NCHW
              {c * h * w, 1, w * c, c},              // channels-last
              {c * h * w, h * w, 1, h},              // rows and columns swapped
              {2 * c * h * w, 2 * h * w, 2 * w, 2},  // every other element
              {0, h * w, w, 1},                      // one image, repeated
          };
          for (const auto& strides : all_strides) {
            const fusor_buffer from = strided(source.data(), FUSOR_F32, {n, c, h, w}, strides, 12);
            Blocked blocked({n, c, h, w}, kernels.lanes, {1, 0, 2, 3});
            REQUIRE(convert(kernels, from, blocked.buffer) == FUSOR_OK);
            const BlockedView view = blocked_view(blocked.buffer);
            bool right = true;
            for (int64_t i = 0; i < n; ++i)
              for (int64_t b = 0; b < view.shape.blocks(); ++b)
                for (int64_t y = -1; y < h; ++y)
                  for (int64_t x = -2; x < w + 3; ++x)
                    for (int64_t l = 0; l < kernels.lanes; ++l) {
                      const int64_t channel = b * kernels.lanes + l;
                      const int64_t offset =
                          i * strides[0] + channel * strides[1] + y * strides[2] + x * strides[3];
                      const float expected = y < 0 || x < 0 || x >= w ? kPoison
                                             : channel >= c           ? 0.f
                                                            : source[static_cast<size_t>(3 + offset)];
                      right &= view.at(i, b, y, x)[l] == expected;
                    }
            CHECK(right);
            if (strides[0] == 0) continue;
            std::vector<float> back(source.size(), kPoison), expected(source.size(), kPoison);
            for (int64_t i = 0; i < n * c * h * w; ++i) {
              const int64_t at = 3 + i / (c * h * w) * strides[0] + i / (h * w) % c * strides[1] +
                                 i / w % h * strides[2] + i % w * strides[3];
              expected[static_cast<size_t>(at)] = source[static_cast<size_t>(at)];
            }
            REQUIRE(convert(kernels, blocked.buffer,
                            strided(back.data(), FUSOR_F32, {n, c, h, w}, strides, 12)) == FUSOR_OK);
            CHECK(back == expected);
          }
        }
  });
  Pool::instance().set_threads(0);
}

TEST_CASE("blocked to blocked of another halo, and a halo that is zeroed") {
  for_each_set([](const KernelSet& kernels) {
    Blocked from({2, 19, 5, 6}, kernels.lanes, {1, 1, 1, 1}), to({2, 19, 5, 6}, kernels.lanes, {0, 3, 2, 0});
    std::iota(from.storage.begin(), from.storage.end(), 1.f);
    REQUIRE(convert(kernels, from.buffer, to.buffer) == FUSOR_OK);
    const BlockedView a = blocked_view(from.buffer), b = blocked_view(to.buffer);
    zero_halo(b);
    bool right = true;
    for (int64_t i = 0; i < 2; ++i)
      for (int64_t block = 0; block < a.shape.blocks(); ++block)
        for (int64_t y = 0; y < 8; ++y)
          for (int64_t x = -2; x < 6; ++x)
            for (int l = 0; l < kernels.lanes; ++l)
              right &= b.at(i, block, y, x)[l] == (y < 5 && x >= 0 ? a.at(i, block, y, x)[l] : 0.f);
    CHECK(right);
  });
}

TEST_CASE("strided copies of every element size and rank move each element once") {
  Pool::instance().set_threads(2);
  const KernelSet& kernels = *runnable_kernels().sets[0];
  const auto check = [&](auto zero, int32_t dtype) {
    using T = decltype(zero);
    // Permuted, with a gap, from an expanded source, and long enough for two threads.
    const std::vector<int64_t> sizes{3, 1, 5, 70, 41}, from{5, 99, 1, 0, 15},
        to{5 * 70 * 41 + 7, 3, 41 * 70, 1, 70};
    std::vector<T> source(3 * 5 * 41), result(3 * (5 * 70 * 41 + 7) + 1), expected(result.size());
    for (size_t i = 0; i < source.size(); ++i) source[i] = static_cast<T>(i + 1);
    for (int64_t a = 0; a < 3; ++a)
      for (int64_t c = 0; c < 5; ++c)
        for (int64_t d = 0; d < 70; ++d)
          for (int64_t e = 0; e < 41; ++e)
            expected[static_cast<size_t>(1 + a * to[0] + c * to[2] + d + e * to[4])] =
                source[static_cast<size_t>(a * 5 + c + e * 15)];
    REQUIRE(convert(kernels, strided(source.data(), dtype, sizes, from),
                    strided(result.data(), dtype, sizes, to, sizeof(T))) == FUSOR_OK);
    CHECK(result == expected);

    std::vector<T> plain(200000), copy(plain.size());
    for (size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<T>(i);
    REQUIRE(convert(kernels, strided(plain.data(), dtype, {200000}, {1}),
                    strided(copy.data(), dtype, {200000}, {1})) == FUSOR_OK);
    CHECK(copy == plain);
    T scalar = 3, scalar_copy = 0;
    REQUIRE(convert(kernels, strided(&scalar, dtype, {}, {}), strided(&scalar_copy, dtype, {}, {})) ==
            FUSOR_OK);
    CHECK(scalar_copy == scalar);
    REQUIRE(convert(kernels, strided(nullptr, dtype, {0, 4}, {4, 1}),
                    strided(nullptr, dtype, {0, 4}, {4, 1})) == FUSOR_OK);
  };
  check(uint8_t{}, FUSOR_U8);
  check(uint16_t{}, FUSOR_BF16);
  check(float{}, FUSOR_F32);
  check(int64_t{}, FUSOR_I64);
  Pool::instance().set_threads(0);
}
