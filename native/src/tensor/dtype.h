// Element types: names and sizes.
#pragma once

#include <cmath>
#include <cstdint>

#include "fusor/types.h"

namespace fusor {

inline constexpr const char* kDTypeNames[FUSOR_DTYPE_COUNT] = {"f32", "f16", "bf16", "i32", "i64", "u8"};
inline constexpr int64_t kDTypeSizes[FUSOR_DTYPE_COUNT] = {4, 2, 2, 4, 8, 1};

constexpr bool is_dtype(int32_t dtype) {
  return dtype >= 0 && dtype < FUSOR_DTYPE_COUNT;
}
constexpr const char* dtype_name(int32_t dtype) {
  return is_dtype(dtype) ? kDTypeNames[dtype] : "an unknown dtype";
}
constexpr int64_t dtype_size(int32_t dtype) {
  return kDTypeSizes[dtype];
}
constexpr bool is_float(int32_t dtype) {
  return dtype == FUSOR_F32 || dtype == FUSOR_F16 || dtype == FUSOR_BF16;
}

// True if a tensor of this dtype can hold `value` up to rounding; no float is refused.
inline bool can_hold(int32_t dtype, double value) {
  if (is_float(dtype)) return true;
  if (!std::isfinite(value)) return false;
  switch (dtype) {
    case FUSOR_U8:
      return value > -1 && value < 256;
    case FUSOR_I32:
      return value > -2147483649.0 && value < 2147483648.0;
    default:
      return value >= -0x1p63 && value < 0x1p63;
  }
}

}  // namespace fusor
