// The upper tail of the normal distribution from a table that lies in registers, for sets that can look lanes
// up in a register: 16 of them (AVX-512) or 8 (AVX2). Include from *.simd.cpp only.
//
// Interval k is what lies within kNormalStep / 2 of k kNormalStep; on it Q(a) = Phi(-a) is a polynomial in r
// = a - k kNormalStep. A lookup per coefficient and no exponential, no division: a third of the instructions
// of math.h's normal_distribution, at the same relative accuracy, for all |x| < kNormalEnd, which is all but
// one of ten thousand values of a unit normal distribution.
#pragma once

#include "cpu/simd/lanes.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr bool kHasNormalTable = kLanes >= 8;

// The error of the fits is 5e-9 of Q or less: far below f32's 6e-8.
constexpr float kNormalStep = kLanes == 16 ? 0.25f : 0.5f;
constexpr int kNormalDegree = kLanes == 16 ? 6 : 7;
constexpr float kNormalEnd = (static_cast<float>(kLanes) - 0.5f) * kNormalStep;

struct NormalTable {
  alignas(64) float coefficients[kNormalDegree + 1][kLanes];
};

// Computed by the compiler. The density solves phi' = -a phi and Q' = -phi, which gives the Taylor
// coefficients at any center from the two values there, and those values from the center before. The series,
// long enough to be exact in double precision, is then shortened term by term: its last one, c x^n, makes way
// for c (x^n - T_n(x) / 2^(n-1)), T_n being Chebyshev's polynomial, which is the best that n - 1 degrees can
// do for it on [-1, 1] (Lanczos 1938).
constexpr NormalTable make_normal_table() {
  constexpr int kTerms = 28;
  constexpr double kHalf = kNormalStep / 2.0;
  NormalTable table{};
  double tail = 0.5, density = 0.3989422804014326779;  // at 0: 1/2 and 1 / sqrt(2 pi)
  for (int k = 0; k < kLanes; ++k) {
    const double center = k * static_cast<double>(kNormalStep);
    double phi[kTerms] = {density, -center * density}, series[kTerms] = {tail};  // in r
    for (int n = 2; n < kTerms; ++n) phi[n] = -(center * phi[n - 1] + phi[n - 2]) / n;
    for (int n = 1; n < kTerms; ++n) series[n] = -phi[n - 1] / n;

    double next_tail = 0, next_density = 0;
    for (int n = kTerms - 1; n >= 0; --n) {
      next_tail = next_tail * kNormalStep + series[n];
      next_density = next_density * kNormalStep + phi[n];
    }

    double power = 1;
    for (double& coefficient : series) {  // in x = r / kHalf
      coefficient *= power;
      power *= kHalf;
    }
    for (int degree = kTerms - 1; degree > kNormalDegree; --degree) {
      double before[kTerms] = {1}, chebyshev[kTerms] = {0, 1};  // T_(n+1) = 2 x T_n - T_(n-1)
      for (int n = 1; n < degree; ++n) {
        double following[kTerms] = {-before[0]};
        for (int i = 1; i <= n + 1; ++i) following[i] = 2 * chebyshev[i - 1] - before[i];
        for (int i = 0; i <= n + 1; ++i) {
          before[i] = chebyshev[i];
          chebyshev[i] = following[i];
        }
      }
      const double factor = series[degree] / chebyshev[degree];
      for (int i = 0; i <= degree; ++i) series[i] -= factor * chebyshev[i];
    }
    power = 1;
    for (int n = 0; n <= kNormalDegree; ++n) {
      table.coefficients[n][k] = static_cast<float>(series[n] / power);
      power *= kHalf;
    }
    tail = next_tail;
    density = next_density;
  }
  return table;
}

// Lane i is table[index[i] mod kLanes].
FUSOR_INLINE Vec look_up(const float (&table)[kLanes], IntVec index) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  return reinterpret_cast<Vec>(
      _mm512_permutexvar_ps(reinterpret_cast<__m512i>(index), _mm512_load_ps(table)));
#elif defined(__AVX2__) && FUSOR_SIMD_BYTES == 32
  return reinterpret_cast<Vec>(
      _mm256_permutevar8x32_ps(_mm256_load_ps(table), reinterpret_cast<__m256i>(index)));
#else
  Vec result;
  for (int i = 0; i < kLanes; ++i) result[i] = table[index[i] & (kLanes - 1)];
  return result;
#endif
}

// Q(a) for a from 0 to kNormalEnd; beyond it, and for NaN, some number.
FUSOR_INLINE Vec upper_tail_by_table(Vec a) {
  static constexpr NormalTable kTable = make_normal_table();
  // Adding 1.5 * 2^23 leaves the interval in the low bits of the sum.
  const Vec shift = broadcast(12582912.f);
  const Vec shifted = a * broadcast(1.f / kNormalStep) + shift;
  const Vec r = a - (shifted - shift) * broadcast(kNormalStep);
  const IntVec interval = bits_of(shifted);
  Vec q = look_up(kTable.coefficients[kNormalDegree], interval);
  for (int n = kNormalDegree - 1; n >= 0; --n) q = q * r + look_up(kTable.coefficients[n], interval);
  return q;
}

}  // namespace
}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
