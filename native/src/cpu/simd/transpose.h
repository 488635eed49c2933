// Transposition of kLanes x kLanes tiles in registers. Include from *.simd.cpp only.
#pragma once

#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

// (a0, b0, a1, b1, ...): the lower halves of two vectors, zipped; and the upper halves.
#if FUSOR_SIMD_BYTES == 16
FUSOR_INLINE Vec zip_lower(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
}
FUSOR_INLINE Vec zip_upper(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
}
#elif FUSOR_SIMD_BYTES == 32
FUSOR_INLINE Vec zip_lower(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
FUSOR_INLINE Vec zip_upper(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
#else
FUSOR_INLINE Vec zip_lower(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
FUSOR_INLINE Vec zip_upper(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
#endif

// Row i and row i + lanes/2 zipped, log2(lanes) times over, is the transposition.
FUSOR_INLINE void transpose(Vec (&rows)[kLanes]) {
#pragma GCC unroll 4
  for (int step = 1; step < kLanes; step *= 2) {
    Vec zipped[kLanes];
#pragma GCC unroll 8
    for (int i = 0; i < kLanes / 2; ++i) {
      zipped[2 * i] = zip_lower(rows[i], rows[i + kLanes / 2]);
      zipped[2 * i + 1] = zip_upper(rows[i], rows[i + kLanes / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) rows[i] = zipped[i];
  }
}

}  // namespace
}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
