// What the vector operators of vector.h lack: bits, tests over all lanes, square root, rounding, and halves
// widened to double precision. Include from *.simd.cpp only.
#pragma once

#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

typedef uint32_t UnsignedVec __attribute__((vector_size(FUSOR_SIMD_BYTES)));
typedef double DoubleVec __attribute__((vector_size(FUSOR_SIMD_BYTES)));
typedef int64_t LongVec __attribute__((vector_size(FUSOR_SIMD_BYTES)));
typedef uint64_t UnsignedLongVec __attribute__((vector_size(FUSOR_SIMD_BYTES)));
// Half as many lanes as a vector: what one DoubleVec is made from.
typedef float HalfVec __attribute__((vector_size(FUSOR_SIMD_BYTES / 2)));
typedef int32_t HalfIntVec __attribute__((vector_size(FUSOR_SIMD_BYTES / 2)));

constexpr int kDoubleLanes = FUSOR_SIMD_BYTES / 8;

FUSOR_INLINE IntVec bits_of(Vec x) {
  return reinterpret_cast<IntVec>(x);
}
FUSOR_INLINE Vec float_of_bits(IntVec x) {
  return reinterpret_cast<Vec>(x);
}
FUSOR_INLINE Vec float_of_bits(UnsignedVec x) {
  return reinterpret_cast<Vec>(x);
}
// Arithmetic on bits goes through unsigned lanes, which wrap around.
FUSOR_INLINE UnsignedVec unsigned_bits(Vec x) {
  return reinterpret_cast<UnsignedVec>(x);
}
FUSOR_INLINE UnsignedVec as_unsigned(IntVec x) {
  return reinterpret_cast<UnsignedVec>(x);
}
FUSOR_INLINE IntVec as_signed(UnsignedVec x) {
  return reinterpret_cast<IntVec>(x);
}
FUSOR_INLINE UnsignedVec broadcast_unsigned(uint32_t x) {
  return x - UnsignedVec{};
}
FUSOR_INLINE DoubleVec broadcast_double(double x) {
  return x - DoubleVec{};
}

FUSOR_INLINE IntVec load_int(const int32_t* p) {
  return *reinterpret_cast<const UnalignedIntVec*>(p);
}
FUSOR_INLINE void store_int(int32_t* p, IntVec v) {
  *reinterpret_cast<UnalignedIntVec*>(p) = v;
}

FUSOR_INLINE Vec absolute(Vec x) {
  return float_of_bits(bits_of(x) & broadcast_int(0x7fffffff));
}
FUSOR_INLINE IntVec sign_bits(Vec x) {
  return bits_of(x) & broadcast_int(INT32_MIN);
}
// `magnitude` (not negative) with the sign of `sign`.
FUSOR_INLINE Vec with_sign(Vec magnitude, Vec sign) {
  return float_of_bits(bits_of(magnitude) | sign_bits(sign));
}

// Truncates; lanes out of int32's range and NaN give some number.
FUSOR_INLINE IntVec to_int(Vec x) {
  return __builtin_convertvector(x, IntVec);
}
FUSOR_INLINE Vec to_float(IntVec x) {
  return __builtin_convertvector(x, Vec);
}

// Whether any lane of a comparison's result is true.
FUSOR_INLINE bool any(IntVec mask) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__) && FUSOR_SIMD_BYTES == 32
  return _mm256_movemask_ps(reinterpret_cast<__m256>(mask)) != 0;
#elif defined(__x86_64__) && FUSOR_SIMD_BYTES == 16
  return _mm_movemask_ps(reinterpret_cast<__m128>(mask)) != 0;
#elif defined(__aarch64__)
  return vmaxvq_u32(reinterpret_cast<uint32x4_t>(mask)) != 0;
#else
  int32_t result = 0;
  for (int i = 0; i < kLanes; ++i) result |= mask[i];
  return result != 0;
#endif
}

FUSOR_INLINE Vec square_root(Vec x) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  return reinterpret_cast<Vec>(_mm512_sqrt_ps(reinterpret_cast<__m512>(x)));
#elif defined(__AVX2__) && FUSOR_SIMD_BYTES == 32
  return reinterpret_cast<Vec>(_mm256_sqrt_ps(reinterpret_cast<__m256>(x)));
#elif defined(__x86_64__) && FUSOR_SIMD_BYTES == 16
  return reinterpret_cast<Vec>(_mm_sqrt_ps(reinterpret_cast<__m128>(x)));
#elif defined(__aarch64__)
  return reinterpret_cast<Vec>(vsqrtq_f32(reinterpret_cast<float32x4_t>(x)));
#else
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

// To a whole number: half to even, down, up, towards zero.
#if defined(__aarch64__)
FUSOR_INLINE Vec round_even(Vec x) {
  return reinterpret_cast<Vec>(vrndnq_f32(reinterpret_cast<float32x4_t>(x)));
}
FUSOR_INLINE Vec round_down(Vec x) {
  return reinterpret_cast<Vec>(vrndmq_f32(reinterpret_cast<float32x4_t>(x)));
}
FUSOR_INLINE Vec round_up(Vec x) {
  return reinterpret_cast<Vec>(vrndpq_f32(reinterpret_cast<float32x4_t>(x)));
}
FUSOR_INLINE Vec truncate(Vec x) {
  return reinterpret_cast<Vec>(vrndq_f32(reinterpret_cast<float32x4_t>(x)));
}
#else
template <int kMode>
FUSOR_INLINE Vec round_by(Vec x) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  return reinterpret_cast<Vec>(_mm512_roundscale_ps(reinterpret_cast<__m512>(x), kMode | _MM_FROUND_NO_EXC));
#elif defined(__AVX2__) && FUSOR_SIMD_BYTES == 32
  return reinterpret_cast<Vec>(_mm256_round_ps(reinterpret_cast<__m256>(x), kMode | _MM_FROUND_NO_EXC));
#elif FUSOR_SIMD_BYTES == 16
  return reinterpret_cast<Vec>(_mm_round_ps(reinterpret_cast<__m128>(x), kMode | _MM_FROUND_NO_EXC));
#else
  for (int i = 0; i < kLanes; i += 4) {
    const __m128 part = {x[i], x[i + 1], x[i + 2], x[i + 3]};
    const __m128 rounded = _mm_round_ps(part, kMode | _MM_FROUND_NO_EXC);
    for (int k = 0; k < 4; ++k) x[i + k] = rounded[k];
  }
  return x;
#endif
}
FUSOR_INLINE Vec round_even(Vec x) {
  return round_by<_MM_FROUND_TO_NEAREST_INT>(x);
}
FUSOR_INLINE Vec round_down(Vec x) {
  return round_by<_MM_FROUND_TO_NEG_INF>(x);
}
FUSOR_INLINE Vec round_up(Vec x) {
  return round_by<_MM_FROUND_TO_POS_INF>(x);
}
FUSOR_INLINE Vec truncate(Vec x) {
  return round_by<_MM_FROUND_TO_ZERO>(x);
}
#endif

// The first `count` lanes of `x`, then those of `rest`.
FUSOR_INLINE Vec first_lanes(Vec x, int count, Vec rest) {
#if FUSOR_SIMD_BYTES == 64
  const IntVec lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif FUSOR_SIMD_BYTES == 32
  const IntVec lane = {0, 1, 2, 3, 4, 5, 6, 7};
#else
  const IntVec lane = {0, 1, 2, 3};
#endif
  return select(lane < broadcast_int(count), x, rest);
}

#if FUSOR_SIMD_BYTES == 16
#define FUSOR_LOWER_LANES 0, 1
#define FUSOR_UPPER_LANES 2, 3
#elif FUSOR_SIMD_BYTES == 32
#define FUSOR_LOWER_LANES 0, 1, 2, 3
#define FUSOR_UPPER_LANES 4, 5, 6, 7
#else
#define FUSOR_LOWER_LANES 0, 1, 2, 3, 4, 5, 6, 7
#define FUSOR_UPPER_LANES 8, 9, 10, 11, 12, 13, 14, 15
#endif
FUSOR_INLINE DoubleVec lower_double(Vec x) {
  return __builtin_convertvector(__builtin_shufflevector(x, x, FUSOR_LOWER_LANES), DoubleVec);
}
FUSOR_INLINE DoubleVec upper_double(Vec x) {
  return __builtin_convertvector(__builtin_shufflevector(x, x, FUSOR_UPPER_LANES), DoubleVec);
}
FUSOR_INLINE Vec to_float(DoubleVec lower, DoubleVec upper) {
  return __builtin_shufflevector(__builtin_convertvector(lower, HalfVec),
                                 __builtin_convertvector(upper, HalfVec), FUSOR_LOWER_LANES,
                                 FUSOR_UPPER_LANES);
}
FUSOR_INLINE IntVec to_int(LongVec lower, LongVec upper) {
  return __builtin_shufflevector(__builtin_convertvector(lower, HalfIntVec),
                                 __builtin_convertvector(upper, HalfIntVec), FUSOR_LOWER_LANES,
                                 FUSOR_UPPER_LANES);
}
#undef FUSOR_LOWER_LANES
#undef FUSOR_UPPER_LANES

// The lanes made one, in a fixed order: halves onto halves, in registers (through memory, a load waits for
// several stores).
template <class Fold>
FUSOR_INLINE float fold_lanes(Vec x, const Fold& fold) {
  typedef float Quad __attribute__((vector_size(16)));
#if FUSOR_SIMD_BYTES == 64
  const HalfVec half = fold(__builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7),
                            __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15));
  const Quad quad =
      fold(__builtin_shufflevector(half, half, 0, 1, 2, 3), __builtin_shufflevector(half, half, 4, 5, 6, 7));
#elif FUSOR_SIMD_BYTES == 32
  const Quad quad =
      fold(__builtin_shufflevector(x, x, 0, 1, 2, 3), __builtin_shufflevector(x, x, 4, 5, 6, 7));
#else
  const Quad quad = x;
#endif
  const Quad pair = fold(quad, __builtin_shufflevector(quad, quad, 2, 3, 0, 1));
  return fold(pair[0], pair[1]);
}
FUSOR_INLINE float sum_of_lanes(Vec x) {
  return fold_lanes(x, [](auto a, auto b) { return a + b; });
}
// NaN may get lost.
FUSOR_INLINE float greatest_of_lanes(Vec x) {
  return fold_lanes(x, [](auto a, auto b) { return a > b ? a : b; });
}
FUSOR_INLINE double sum_of_lanes(DoubleVec x) {
  double sum = x[0];
  for (int i = 1; i < kDoubleLanes; ++i) sum += x[i];
  return sum;
}

}  // namespace
}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
