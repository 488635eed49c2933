// Conversions between all element types, exhaustively for 16-bit floats.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/convert/convert.h"

#include <bit>
#include <limits>

#include "op_call.h"

using namespace fusor::cpu;
using namespace fusor::cpu::testing;

namespace {

// By the definition of the format: sign, `exponent_bits` of exponent, the rest mantissa.
double decode(uint16_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> mantissa_bits) & ((1 << exponent_bits) - 1),
            mantissa = bits & ((1 << mantissa_bits) - 1);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

// Nearest, ties to even, by the definition.
uint16_t encode(float x, int exponent_bits) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const int mantissa_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const uint16_t infinite = static_cast<uint16_t>(((1 << exponent_bits) - 1) << mantissa_bits);
  if (std::isnan(x)) {
    // The leading payload bits, made quiet.
    const uint32_t payload = (std::bit_cast<uint32_t>(x) & 0x7fffff) >> (23 - mantissa_bits);
    return static_cast<uint16_t>(sign | infinite | (1u << (mantissa_bits - 1)) | payload);
  }
  const double magnitude = std::abs(static_cast<double>(x));
  if (std::isinf(x)) return sign | infinite;
  const int exponent = magnitude == 0 ? 1 - bias : std::max(std::ilogb(magnitude), 1 - bias);
  const double units =
      std::nearbyint(std::ldexp(magnitude, mantissa_bits - exponent));  // the default: half to even
  const int64_t bits =
      (static_cast<int64_t>(exponent + bias - 1) << mantissa_bits) + static_cast<int64_t>(units);
  return sign | static_cast<uint16_t>(std::min<int64_t>(bits, infinite));
}

fusor_buffer buffer_of(int32_t dtype, int64_t count, void* data) {
  fusor_buffer buffer{};
  buffer.struct_size = sizeof buffer;
  buffer.dtype = dtype;
  buffer.rank = 1;
  buffer.sizes[0] = count;
  describe_contiguous(buffer);
  buffer.data = data;
  return buffer;
}

template <class From, class To>
std::vector<To> convert(const KernelSet& kernels, int32_t from, int32_t to, const std::vector<From>& values) {
  std::vector<To> result(values.size());
  const int64_t count = static_cast<int64_t>(values.size());
  const fusor_buffer input = buffer_of(from, count, const_cast<From*>(values.data()));
  fusor_buffer output = buffer_of(to, count, result.data());
  const fusor_convert_attributes attributes{sizeof attributes, to};
  run_op(kernels, convert_op, &attributes, {&input}, {&output});
  return result;
}

// What C does with in-range numbers and the header promises for others.
template <class To>
To expected_integer(double x) {
  if (std::isnan(x)) return 0;
  if (x >= static_cast<double>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
  if (x <= static_cast<double>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  return static_cast<To>(x);
}

std::vector<float> sweep(uint64_t step) {
  std::vector<float> values;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += step) {
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  }
  return values;
}

}  // namespace

TEST_CASE("all 65536 numbers of f16 and bf16 become the f32 that they are") {
  on_every_set([](const KernelSet& kernels) {
    std::vector<uint16_t> all(65536);
    std::iota(all.begin(), all.end(), uint16_t{0});
    for (const auto& [dtype, exponent_bits] : {std::pair{FUSOR_F16, 5}, {FUSOR_BF16, 8}}) {
      const std::vector<float> wide = convert<uint16_t, float>(kernels, dtype, FUSOR_F32, all);
      int64_t wrong = 0;
      for (size_t i = 0; i < all.size(); ++i) {
        const double expected = decode(all[i], exponent_bits);
        const bool is_right = std::isnan(expected)
                                  ? std::isnan(wide[i])
                                  : wide[i] == expected && std::signbit(wide[i]) == std::signbit(expected);
        wrong += !is_right;
      }
      CHECK(wrong == 0);
      // And back, bit by bit; NaN may have become quiet.
      const std::vector<uint16_t> back = convert<float, uint16_t>(kernels, FUSOR_F32, dtype, wide);
      for (size_t i = 0; i < all.size(); ++i) wrong += back[i] != all[i] && !std::isnan(wide[i]);
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("f32 becomes f16 and bf16 rounded to nearest even, at every exponent and at every tie") {
  on_every_set([](const KernelSet& kernels) {
    std::vector<float> values = sweep(4001);
    for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
      // Half way between two neighbours of f16, and a little to either side.
      const double middle =
          (decode(static_cast<uint16_t>(bits), 5) + decode(static_cast<uint16_t>(bits + 1), 5)) / 2;
      if (!std::isfinite(middle)) continue;
      const float tie = static_cast<float>(middle);
      for (const float x : {tie, std::nextafter(tie, 0.f), std::nextafter(tie, INFINITY), -tie})
        values.push_back(x);
    }
    for (const float x :
         {65504.f, 65519.99f, 65520.f, 65536.f, 1e38f, 3.4e38f, 5.9604645e-08f, 2.9802322e-08f, 2.98e-08f}) {
      values.push_back(x);
    }
    for (const auto& [dtype, exponent_bits] : {std::pair{FUSOR_F16, 5}, {FUSOR_BF16, 8}}) {
      const std::vector<uint16_t> narrow = convert<float, uint16_t>(kernels, FUSOR_F32, dtype, values);
      int64_t wrong = 0;
      for (size_t i = 0; i < values.size(); ++i) wrong += narrow[i] != encode(values[i], exponent_bits);
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("floats become integers by truncation, saturated; NaN becomes 0") {
  on_every_set([](const KernelSet& kernels) {
    std::vector<float> values = sweep(9973);
    for (const float x : {0.f, -0.f, 0.99f, -0.99f, 1.5f, -1.5f, 254.9f, 255.f, 256.f, 2147483520.f,
                          2147483648.f, -2147483648.f, -2147483904.f, 9.2233715e18f, 9.223372e18f,
                          -9.223372e18f, INFINITY, -INFINITY, NAN}) {
      values.push_back(x);
    }
    const auto i32 = convert<float, int32_t>(kernels, FUSOR_F32, FUSOR_I32, values);
    const auto i64 = convert<float, int64_t>(kernels, FUSOR_F32, FUSOR_I64, values);
    const auto u8 = convert<float, uint8_t>(kernels, FUSOR_F32, FUSOR_U8, values);
    int64_t wrong = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      wrong += i32[i] != expected_integer<int32_t>(values[i]);
      wrong += i64[i] != expected_integer<int64_t>(values[i]);
      wrong += u8[i] != expected_integer<uint8_t>(values[i]);
    }
    CHECK(wrong == 0);
    // 16-bit floats the same way.
    const std::vector<uint16_t> half = {0x3c00, 0xbc00, 0x7c00, 0xfc00, 0x7e00, 0x5bff, 0x5c00, 0x3bff};
    CHECK(convert<uint16_t, uint8_t>(kernels, FUSOR_F16, FUSOR_U8, half) ==
          std::vector<uint8_t>{1, 0, 255, 0, 0, 255, 255, 0});
    CHECK(convert<uint16_t, int32_t>(kernels, FUSOR_F16, FUSOR_I32, half) ==
          std::vector<int32_t>{1, -1, INT32_MAX, INT32_MIN, 0, 255, 256, 0});
  });
}

TEST_CASE("integers widen exactly, wrap when narrowed and round to floats") {
  on_every_set([](const KernelSet& kernels) {
    std::vector<int64_t> values = {0,
                                   1,
                                   -1,
                                   127,
                                   128,
                                   255,
                                   256,
                                   -256,
                                   16777217,
                                   16777219,
                                   -16777217,
                                   INT32_MAX,
                                   INT32_MIN,
                                   int64_t{INT32_MAX} + 1,
                                   INT64_MAX,
                                   INT64_MIN,
                                   1234567890123456789};
    std::mt19937_64 generator(3);
    for (int i = 0; i < 1000; ++i) values.push_back(static_cast<int64_t>(generator()) >> (i % 64));
    const auto i32 = convert<int64_t, int32_t>(kernels, FUSOR_I64, FUSOR_I32, values);
    const auto u8 = convert<int64_t, uint8_t>(kernels, FUSOR_I64, FUSOR_U8, values);
    const auto f32 = convert<int64_t, float>(kernels, FUSOR_I64, FUSOR_F32, values);
    const auto f16 = convert<int64_t, uint16_t>(kernels, FUSOR_I64, FUSOR_F16, values);
    const auto i64 = convert<int32_t, int64_t>(kernels, FUSOR_I32, FUSOR_I64, i32);
    const auto bytes = convert<uint8_t, int32_t>(kernels, FUSOR_U8, FUSOR_I32, u8);
    const auto floats = convert<uint8_t, float>(kernels, FUSOR_U8, FUSOR_F32, u8);
    const auto brains = convert<uint8_t, uint16_t>(kernels, FUSOR_U8, FUSOR_BF16, u8);
    for (size_t i = 0; i < values.size(); ++i) {
      CHECK(i32[i] == static_cast<int32_t>(values[i]));
      CHECK(u8[i] == static_cast<uint8_t>(values[i]));
      CHECK(f32[i] == static_cast<float>(values[i]));
      CHECK(f16[i] == encode(static_cast<float>(values[i]), 5));
      CHECK(i64[i] == i32[i]);
      CHECK(bytes[i] == u8[i]);
      CHECK(floats[i] == u8[i]);
      CHECK(brains[i] == encode(u8[i], 8));
    }
    const auto same = convert<int64_t, int64_t>(kernels, FUSOR_I64, FUSOR_I64, values);
    CHECK(same == values);
  });
}

TEST_CASE("strided, repeated and empty inputs of every size convert to contiguous results") {
  on_every_set([](const KernelSet& kernels) {
    for (const int64_t rows : {1, 3, 40}) {
      for (const int64_t columns : {0, 1, 5, 31, 64, 129, 700}) {
        Floats base({columns, rows});
        std::iota(base.data.begin(), base.data.end(), -20.f);
        fusor_buffer input = base.buffer();
        input.sizes[0] = rows;
        input.sizes[1] = columns;
        input.strides[0] = 1;  // transposed
        input.strides[1] = rows;
        Array<int32_t> y({rows, columns});
        fusor_buffer output = y.buffer();
        const fusor_convert_attributes attributes{sizeof attributes, FUSOR_I32};
        run_op(kernels, convert_op, &attributes, {&input}, {&output});
        int64_t wrong = 0;
        for (int64_t i = 0; i < y.size(); ++i) {
          wrong += y[i] != static_cast<int32_t>(base[(i % columns) * rows + i / columns]);
        }
        CHECK(wrong == 0);

        input.strides[0] = input.strides[1] = 0;  // one number, repeated
        if (columns == 0) continue;
        run_op(kernels, convert_op, &attributes, {&input}, {&output});
        for (int64_t i = 0; i < y.size(); ++i) wrong += y[i] != -20;
        CHECK(wrong == 0);
      }
    }
  });
}
