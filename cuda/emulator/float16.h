// bfloat16 and IEEE half as bits, converted as the GPU does: to nearest, ties to even, NaN to the canonical
// NaN.
#pragma once

#include <bit>
#include <cstdint>

namespace fusor::cuda::emulator {

struct BFloat16 {
  uint16_t bits;
};
struct Float16 {
  uint16_t bits;
};

inline float widen(BFloat16 x) {
  return std::bit_cast<float>(uint32_t{x.bits} << 16);
}

inline BFloat16 to_bfloat16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

inline float widen(Float16 x) {
  // The exponent's bias is 15 here and 127 there; a product by 2^112 makes up for it, subnormals included.
  const uint32_t magnitude = uint32_t{x.bits & 0x7fffu} << 13;
  uint32_t bits = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
  if ((x.bits & 0x7c00u) == 0x7c00u) bits = magnitude | 0x7f800000u;
  return std::bit_cast<float>(bits | (uint32_t{x.bits & 0x8000u} << 16));
}

inline Float16 to_float16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {0x7fff};
  if (magnitude >= 0x477ff000u) return {static_cast<uint16_t>(sign | 0x7c00u)};  // 65520 and more is infinity
  uint32_t half;
  if (magnitude < 0x38800000u) {
    // Below 2^-14: adding 0.5 leaves multiples of 2^-24 in the low bits, rounded to nearest even by the
    // addition.
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - (112u << 23)) >> 13;
  }
  return {static_cast<uint16_t>(sign | half)};
}

}  // namespace fusor::cuda::emulator
