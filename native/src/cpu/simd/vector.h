// The vector layer that CPU kernels are written in: f32 vectors of FUSOR_SIMD_BYTES, by GCC/Clang vector
// extensions, so that one source serves SSE4.2 (16 bytes), AVX2 (32), AVX-512 (64) and NEON (16), and 64-byte
// vectors lowered to AVX2
// (`avx512-emulated`), which runs the 16-lane kernels' index arithmetic on machines without AVX-512.
//
// Include from *.simd.cpp only. The build defines FUSOR_SIMD_BYTES, FUSOR_SIMD_NAMESPACE and
// FUSOR_SIMD_REGISTERS.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define FUSOR_INLINE inline __attribute__((always_inline))

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

typedef float Vec __attribute__((vector_size(FUSOR_SIMD_BYTES)));
typedef float UnalignedVec __attribute__((vector_size(FUSOR_SIMD_BYTES), aligned(4), may_alias));
typedef int32_t IntVec __attribute__((vector_size(FUSOR_SIMD_BYTES)));
typedef int32_t UnalignedIntVec __attribute__((vector_size(FUSOR_SIMD_BYTES), aligned(4), may_alias));

constexpr int kLanes = FUSOR_SIMD_BYTES / 4;
constexpr int kRegisters = FUSOR_SIMD_REGISTERS;

FUSOR_INLINE Vec load(const float* p) {
  return *reinterpret_cast<const UnalignedVec*>(p);
}
FUSOR_INLINE void store(float* p, Vec v) {
  *reinterpret_cast<UnalignedVec*>(p) = v;
}
FUSOR_INLINE Vec zero() {
  return Vec{};
}
// `x - 0` and not `x + 0`: -0.0 keeps the compiler from folding the addition away.
FUSOR_INLINE Vec broadcast(float x) {
  return x - Vec{};
}
FUSOR_INLINE IntVec broadcast_int(int32_t x) {
  return x - IntVec{};
}
// a * b + c, contracted to one instruction where the set has it (-ffp-contract=fast).
FUSOR_INLINE Vec multiply_add(Vec a, Vec b, Vec c) {
  return a * b + c;
}
FUSOR_INLINE Vec select(IntVec mask, Vec yes, Vec no) {
  return mask ? yes : no;
}

// max(a, b) and min(a, b) that give NaN when `b` is NaN (x86: the second operand is returned if either is
// NaN), so maximum(zero(), x) is a ReLU that keeps NaN.
FUSOR_INLINE Vec maximum(Vec a, Vec b) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  return reinterpret_cast<Vec>(_mm512_max_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
#elif defined(__AVX2__) && FUSOR_SIMD_BYTES == 32
  return reinterpret_cast<Vec>(_mm256_max_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#elif defined(__x86_64__) && FUSOR_SIMD_BYTES == 16
  return reinterpret_cast<Vec>(_mm_max_ps(reinterpret_cast<__m128>(a), reinterpret_cast<__m128>(b)));
#else
  return a > b ? a : b;
#endif
}
FUSOR_INLINE Vec minimum(Vec a, Vec b) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  return reinterpret_cast<Vec>(_mm512_min_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
#elif defined(__AVX2__) && FUSOR_SIMD_BYTES == 32
  return reinterpret_cast<Vec>(_mm256_min_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#elif defined(__x86_64__) && FUSOR_SIMD_BYTES == 16
  return reinterpret_cast<Vec>(_mm_min_ps(reinterpret_cast<__m128>(a), reinterpret_cast<__m128>(b)));
#else
  return a < b ? a : b;
#endif
}

// The first `count` lanes (0 to kLanes); the others are zero and their memory is not touched.
FUSOR_INLINE Vec load_partial(const float* p, int count) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  return reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p));
#else
  Vec v{};
  __builtin_memcpy(&v, p, static_cast<size_t>(count) * sizeof(float));
  return v;
#endif
}
FUSOR_INLINE void store_partial(float* p, Vec v, int count) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), reinterpret_cast<__m512>(v));
#else
  __builtin_memcpy(p, &v, static_cast<size_t>(count) * sizeof(float));
#endif
}

}  // namespace
}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
