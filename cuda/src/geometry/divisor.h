// Division by a number known at launch. A 64-bit division takes a GPU some 70 instructions, a 32-bit one 20;
// index arithmetic needs one per dimension and element. For n below 2^31 a product and a shift do it exactly:
//   n / d = (high32(n m) + n) >> s,   s = ceil(log2 d),   m = floor(2^32 (2^s - d) / d) + 1
// (Granlund and Montgomery 1994, "Division by invariant integers using multiplication", figure 4.1). The sum
// stays below 2^32 as n does below 2^31. Greater n, of tensors with more elements, take the real division.
#pragma once

#include <cstdint>

#include "arch/platform.h"

namespace fusor::cuda {

struct Divisor {
  int64_t size = 1;
  uint32_t magic = 1;
  uint32_t shift = 0;

  Divisor() = default;
  __host__ __device__ constexpr explicit Divisor(int64_t d) : size(d) {
    if (d >= int64_t{1} << 31) {  // any n below 2^31 is less than d
      magic = 0;
      shift = 31;
      return;
    }
    shift = 0;
    while ((int64_t{1} << shift) < d) ++shift;
    const uint64_t excess = (uint64_t{1} << shift) - static_cast<uint64_t>(d);
    magic = static_cast<uint32_t>((excess << 32) / static_cast<uint64_t>(d) + 1);
  }

  __host__ __device__ constexpr int64_t quotient(int64_t n) const {
    if (static_cast<uint64_t>(n) >> 31 == 0) {
      const auto low = static_cast<uint32_t>(n);
      const auto high = static_cast<uint32_t>(static_cast<uint64_t>(low) * magic >> 32);
      return static_cast<int64_t>((high + low) >> shift);
    }
    return n / size;
  }
};

}  // namespace fusor::cuda
