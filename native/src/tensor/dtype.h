// Element types: names and sizes.
#pragma once

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

}  // namespace fusor
