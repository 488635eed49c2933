// f16 and bf16 to f32 and back, kLanes at a time. To 16 bits rounds to nearest, ties to even, as the hardware
// does; NaN stays NaN with its sign and its leading payload bits. Include from *.simd.cpp only.
#pragma once

#include "cpu/simd/lanes.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

typedef uint16_t ShortVec __attribute__((vector_size(FUSOR_SIMD_BYTES / 2)));
typedef uint16_t UnalignedShortVec __attribute__((vector_size(FUSOR_SIMD_BYTES / 2), aligned(2), may_alias));

FUSOR_INLINE IntVec load_short(const uint16_t* p) {
  const ShortVec bits = *reinterpret_cast<const UnalignedShortVec*>(p);
  return reinterpret_cast<IntVec>(__builtin_convertvector(bits, UnsignedVec));
}
FUSOR_INLINE void store_short(uint16_t* p, IntVec bits) {
  *reinterpret_cast<UnalignedShortVec*>(p) =
      __builtin_convertvector(reinterpret_cast<UnsignedVec>(bits), ShortVec);
}

FUSOR_INLINE Vec load_bf16(const uint16_t* p) {
  return float_of_bits(load_short(p) << 16);
}
FUSOR_INLINE void store_bf16(uint16_t* p, Vec x) {
  const IntVec bits = bits_of(x);
  const IntVec rounded = as_signed((as_unsigned(bits) + 0x7fff + ((as_unsigned(bits) >> 16) & 1)) >> 16);
  store_short(p, x == x ? rounded : (bits >> 16) | 0x40);
}

#if defined(__F16C__) && defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
FUSOR_INLINE Vec load_f16(const uint16_t* p) {
  return reinterpret_cast<Vec>(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
}
FUSOR_INLINE void store_f16(uint16_t* p, Vec x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(reinterpret_cast<__m512>(x), _MM_FROUND_TO_NEAREST_INT));
}
#elif defined(__F16C__) && FUSOR_SIMD_BYTES == 32
FUSOR_INLINE Vec load_f16(const uint16_t* p) {
  return reinterpret_cast<Vec>(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
FUSOR_INLINE void store_f16(uint16_t* p, Vec x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm256_cvtps_ph(reinterpret_cast<__m256>(x), _MM_FROUND_TO_NEAREST_INT));
}
#else
FUSOR_INLINE Vec load_f16(const uint16_t* p) {
  const IntVec bits = load_short(p);
  // Exponent and mantissa to their places, then the exponent's offset by a product, which also makes
  // denormals normal.
  const IntVec magnitude = (bits & 0x7fff) << 13;
  const Vec finite = float_of_bits(magnitude) * broadcast(0x1p112f);
  // Infinity and NaN (NaN becomes quiet, as in hardware).
  const IntVec special = magnitude | 0x7f800000 | (((bits & 0x3ff) != 0) & 0x400000);
  const IntVec is_special = (bits & 0x7c00) == 0x7c00;
  return float_of_bits((is_special ? special : bits_of(finite)) | ((bits & 0x8000) << 16));
}
FUSOR_INLINE void store_f16(uint16_t* p, Vec x) {
  const IntVec bits = bits_of(x), magnitude = bits & 0x7fffffff;
  const IntVec odd = (magnitude >> 13) & 1;
  const IntVec normal = as_signed((as_unsigned(magnitude) - (112u << 23) + 0xfff + as_unsigned(odd)) >> 13);
  // Below 2^-14: adding 1/2 puts the last place of a denormal f16 at the last place of the sum.
  const IntVec denormal = bits_of(float_of_bits(magnitude) + broadcast(0.5f)) - 0x3f000000;
  const IntVec nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  const IntVec infinite = broadcast_int(0x7c00);
  const IntVec large = magnitude > broadcast_int(0x7f800000) ? nan : infinite;
  const IntVec finite = magnitude < broadcast_int(0x38800000) ? denormal : normal;
  const IntVec result = magnitude >= broadcast_int(0x47800000) ? large : finite;
  store_short(p, result | ((bits >> 16) & 0x8000));
}
#endif

}  // namespace
}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
