// One element of any type as another.
#pragma once

#include <cstdint>
#include <type_traits>

#include "arch/types.h"

namespace fusor::cuda {

/** Truncated and saturated; NaN gives 0. The bounds are powers of two, or exact in f32. */
template <class To>
FUSOR_HOST_DEVICE To saturate(float x) {
  if constexpr (std::is_same_v<To, uint8_t>) {
    return x >= 255.f ? uint8_t{255} : x > 0.f ? static_cast<uint8_t>(x) : uint8_t{0};
  } else {
    constexpr float high = std::is_same_v<To, int32_t> ? 2147483648.f : 9223372036854775808.f;
    constexpr To least =
        std::is_same_v<To, int32_t> ? static_cast<To>(INT32_MIN) : static_cast<To>(INT64_MIN);
    constexpr To most = static_cast<To>(~least);
    return x >= high ? most : x < -high ? least : x == x ? static_cast<To>(x) : To{0};
  }
}

template <class To, class From>
FUSOR_HOST_DEVICE To convert(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (!std::is_integral_v<To>) {
    if constexpr (std::is_integral_v<From>)
      return from_float<To>(static_cast<float>(x));
    else
      return from_float<To>(to_float(x));
  } else if constexpr (std::is_integral_v<From>) {
    return static_cast<To>(x);
  } else {
    return saturate<To>(to_float(x));
  }
}

}  // namespace fusor::cuda
