// Elementary functions on vectors. Include from *.simd.cpp only.
//
// Polynomials are minimax fits (Lawson's iteration against 40 digits), their coefficients rounded to f32 one
// after the other with the rest fitted anew. Greatest errors over all exponents and some millions of
// mantissas, in units in the last place of the exact result (of the least denormal where that is one), worst
// instruction set:
//   exp 1.0   exp - 1 1.5   log 0.8   log(1 + x) 1.2   erf 1.2   Phi 4.3
//   tanh 2.5   sigmoid 2.1   sin, cos 1.5   pow 0.51
// test/cpp/math_test.cpp and binary_test.cpp check them. NaN in gives NaN out; infinities and signed zeros
// as in C's math library unless stated.
#pragma once

#include "cpu/simd/lanes.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr float kInfinity = __builtin_inff();
constexpr float kNaN = __builtin_nanf("");

// ---- exp
// x = n ln 2 + r with |r| <= ln 2 / 2; e^x = 2^n (1 + r + r^2 Q(r)), error of the fit 3e-9.

// ln 2 in two parts: 16 bits, so that n times it is exact, and the rest.
constexpr float kLn2High = 0.693145751953125f;
constexpr float kLn2Low = 1.42860677e-06f;

struct ExponentSplit {
  Vec whole;      // n
  Vec remainder;  // r
};

// Adding 1.5 * 2^23 leaves n in the low bits of the sum, rounded to nearest.
FUSOR_INLINE ExponentSplit split_exponent(Vec x) {
  const Vec shift = broadcast(12582912.f);
  const Vec whole = (x * broadcast(1.44269504f) + shift) - shift;
  return {whole, x - whole * broadcast(kLn2High) - whole * broadcast(kLn2Low)};
}
// e^r - 1 for |r| <= ln 2 / 2.
FUSOR_INLINE Vec small_exponential_minus_one(Vec r) {
  Vec q = broadcast(0.00138182985f);
  q = q * r + broadcast(0.00836853217f);
  q = q * r + broadcast(0.0416682921f);
  q = q * r + broadcast(0.166665226f);
  q = q * r + broadcast(0.49999994f);
  return r + r * r * q;
}
// 2^n for whole n from -126 to 127. Other n (what NaN converts to) give some number: unsigned, so that they
// wrap.
FUSOR_INLINE Vec power_of_two(IntVec n) {
  return float_of_bits((reinterpret_cast<UnsignedVec>(n) + 127u) << 23);
}
// x 2^n for n from -150 to 128, rounded once also where the result is denormal.
FUSOR_INLINE Vec scale_by_power_of_two(Vec x, Vec n) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  return reinterpret_cast<Vec>(_mm512_scalef_ps(reinterpret_cast<__m512>(x), reinterpret_cast<__m512>(n)));
#else
  const IntVec whole = to_int(n), half = whole >> 1;
  return x * power_of_two(half) * power_of_two(whole - half);
#endif
}

// e^(x + tail), where `tail` is small against 1: arguments of more than f32's precision.
FUSOR_INLINE Vec exponential(Vec x, Vec tail) {
  x = minimum(broadcast(89.f), maximum(broadcast(-104.f), x));  // below -104 is 0, above 88.8 infinite
  const ExponentSplit split = split_exponent(x);
  const Vec p = broadcast(1.f) + small_exponential_minus_one(split.remainder + tail);
  return scale_by_power_of_two(p, split.whole);
}
FUSOR_INLINE Vec exponential(Vec x) {
  return exponential(x, zero());
}

// e^x for x up to 0.
FUSOR_INLINE Vec exponential_below_one(Vec x) {
  const ExponentSplit split = split_exponent(maximum(broadcast(-104.f), x));
  const Vec p = broadcast(1.f) + small_exponential_minus_one(split.remainder);
  return scale_by_power_of_two(p, split.whole);
}

// e^x - 1, accurate near 0.
FUSOR_INLINE Vec exponential_minus_one(Vec x) {
  x = minimum(broadcast(89.f), maximum(broadcast(-25.f), x));
  const ExponentSplit split = split_exponent(x);
  const Vec q = small_exponential_minus_one(split.remainder);
  // 2^n q + (2^n - 1), at half size so that 2^128 does not occur.
  const Vec half_scale = power_of_two(to_int(split.whole - broadcast(1.f)));
  const Vec half = half_scale * q + (half_scale - broadcast(0.5f));
  return half + half;
}

// ---- log
// x = 2^n (1 + f) with 1 + f between sqrt(1/2) and sqrt(2); log(1 + f) = f - f^2 / 2 + f^3 P(f), error of the
// fit 8e-10.

FUSOR_INLINE Vec logarithm(Vec x) {
  const IntVec is_denormal = x < broadcast(1.17549435e-38f);
  const Vec normal = select(is_denormal, x * broadcast(8388608.f), x);
  // Subtracting the bits of sqrt(1/2) makes the exponent field count from there.
  const IntVec n = as_signed(unsigned_bits(normal) - 0x3f3504f3) >> 23;
  const Vec f = float_of_bits(unsigned_bits(normal) - (as_unsigned(n) << 23)) - broadcast(1.f);
  const Vec exponent = to_float(n) - select(is_denormal, broadcast(23.f), zero());
  Vec p = broadcast(0.0674917474f);
  p = p * f + broadcast(-0.116700158f);
  p = p * f + broadcast(0.118835382f);
  p = p * f + broadcast(-0.124062404f);
  p = p * f + broadcast(0.142203599f);
  p = p * f + broadcast(-0.166679889f);
  p = p * f + broadcast(0.200020716f);
  p = p * f + broadcast(-0.250000089f);
  p = p * f + broadcast(0.333333135f);
  const Vec square = f * f;
  const Vec small = exponent * broadcast(kLn2Low) + (square * f * p - broadcast(0.5f) * square);
  Vec result = exponent * broadcast(kLn2High) + (small + f);
  result = select(x < broadcast(kInfinity), result, x);  // infinity and NaN
  return select(x > zero(), result, select(x == zero(), broadcast(-kInfinity), broadcast(kNaN)));
}

// log(1 + x) for x from 0 to 1.
FUSOR_INLINE Vec logarithm_of_one_plus(Vec x) {
  const Vec sum = broadcast(1.f) + x;
  const Vec lost = x - (sum - broadcast(1.f));
  return logarithm(sum) + lost / sum;
}

// ---- erf and the normal distribution
// erfc(t) = exp(-t^2) E((t - 3) / (t + 3)), a polynomial of degree 10 for t from 0 to 10.2, error of the fit
// 1e-8.

FUSOR_INLINE Vec scaled_complementary_error(Vec q) {
  Vec e = broadcast(5.59159271e-05f);
  e = e * q + broadcast(2.88803112e-05f);
  e = e * q + broadcast(-0.000594569545f);
  e = e * q + broadcast(0.000715731061f);
  e = e * q + broadcast(0.00426887628f);
  e = e * q + broadcast(-0.0243942309f);
  e = e * q + broadcast(0.0716658607f);
  e = e * q + broadcast(-0.150115788f);
  e = e * q + broadcast(0.2456038f);
  e = e * q + broadcast(-0.326233566f);
  return e * q + broadcast(0.179001153f);
}
// exp(-scale x^2): the square is taken in two parts, as its rounding error would grow with x^2. `scale` is 1
// or 1/2.
FUSOR_INLINE Vec exponential_of_square(Vec x, float scale) {
  const Vec high = float_of_bits(bits_of(x) & broadcast_int(~0xfff));  // 12 bits: the square is exact
  const Vec low = x - high;
  const Vec s = broadcast(-scale);
  return exponential(s * high * high, s * low * (x + high));
}

FUSOR_INLINE Vec error_function(Vec x) {
  // Up to 1: x + x P(x^2).
  const Vec square = x * x;
  Vec p = broadcast(7.80690389e-05f);
  p = p * square + broadcast(-0.00079978531f);
  p = p * square + broadcast(0.0051871622f);
  p = p * square + broadcast(-0.0268533472f);
  p = p * square + broadcast(0.112835787f);
  p = p * square + broadcast(-0.37612626f);
  p = p * square + broadcast(0.128379166f);
  const Vec small = x + x * p;
  // From there 1 - erfc(|x|), which is 1 from 4 on.
  const Vec t = minimum(broadcast(4.f), absolute(x));
  const Vec q = (t - broadcast(3.f)) / (t + broadcast(3.f));
  const Vec large = broadcast(1.f) - exponential_of_square(t, 1.f) * scaled_complementary_error(q);
  return select(absolute(x) < broadcast(1.f), small, with_sign(large, x));
}

// The normal distribution function Phi(x) = (1 + erf(x / sqrt 2)) / 2, accurate in the lower tail too.
FUSOR_INLINE Vec normal_distribution(Vec x) {
  // Up to 0.7: 1/2 + x P(x^2), error of the fit 1e-9.
  const Vec square = x * x;
  Vec p = broadcast(0.000109264933f);
  p = p * square + broadcast(-0.00118813443f);
  p = p * square + broadcast(0.00997482333f);
  p = p * square + broadcast(-0.0664906278f);
  p = p * square + broadcast(0.398942292f);
  const Vec middle = broadcast(0.5f) + x * p;

  const Vec a = minimum(broadcast(14.4f), absolute(x));  // Phi(-14.4) is less than half of the least denormal
  const Vec shift = broadcast(4.24264069f);              // 3 sqrt(2): q is erfc's at a / sqrt(2)
  const Vec q = (a - shift) / (a + shift);
  const Vec tail = broadcast(0.5f) * exponential_of_square(a, 0.5f) * scaled_complementary_error(q);
  const Vec outside = select(x < zero(), tail, broadcast(1.f) - tail);
  return select(absolute(x) < broadcast(0.7f), middle, outside);
}

// ---- tanh and the logistic function

FUSOR_INLINE Vec hyperbolic_tangent(Vec x) {
  // 1 - e^(-2|x|); subtracted from zero, as a minus sign would make 0 negative.
  const Vec t = zero() - exponential_minus_one(broadcast(-2.f) * absolute(x));
  return with_sign(t / (broadcast(2.f) - t), x);
}

// 1 / (1 + e^-x); the exponential never overflows, so the lower tail is accurate down to the denormals.
FUSOR_INLINE Vec sigmoid(Vec x) {
  const Vec e = exponential(-absolute(x));
  return select(x < zero(), e, broadcast(1.f)) / (broadcast(1.f) + e);
}

// ---- sin and cos
// x = n pi/2 + r, |r| <= pi/4, reduced in double precision: the first part of pi/2 has 33 bits, so n times it
// is exact up to n = 2^20. Beyond |x| = 10^6 the C library does it, lane by lane.

constexpr float kGreatestReduced = 1e6f;

// 1 - s/2 + s^2 C(s) and r + r s S(s), s = r^2; errors of the fits 1e-10 and 4e-9.
FUSOR_INLINE Vec small_cosine(Vec r) {
  const Vec s = r * r;
  const Vec c = (broadcast(2.44306684e-05f) * s + broadcast(-0.00138873013f)) * s + broadcast(0.0416666456f);
  return broadcast(1.f) - (broadcast(0.5f) * s - s * s * c);
}
FUSOR_INLINE Vec small_sine(Vec r) {
  const Vec s = r * r;
  const Vec p = (broadcast(-0.000195186178f) * s + broadcast(0.00833219104f)) * s + broadcast(-0.166666552f);
  return r + r * s * p;
}

struct SineCosine {
  Vec sine, cosine;
};

// Of r + quadrant pi/2.
FUSOR_INLINE SineCosine sine_cosine_of(Vec r, IntVec quadrant) {
  const Vec s = small_sine(r), c = small_cosine(r);
  const IntVec is_swapped = (quadrant & 1) != 0;
  const Vec sine = select(is_swapped, c, s), cosine = select(is_swapped, s, c);
  // sin changes sign in quadrants 2 and 3, cos in 1 and 2.
  return {float_of_bits(bits_of(sine) ^ ((quadrant & 2) << 30)),
          float_of_bits(bits_of(cosine) ^ (((quadrant + 1) & 2) << 30))};
}

struct HalfReduction {
  DoubleVec remainder;
  LongVec quadrant;
};
FUSOR_INLINE HalfReduction reduce_by_half_pi(DoubleVec x) {
  const DoubleVec shift = broadcast_double(6755399441055744.0);  // 1.5 * 2^52
  const DoubleVec shifted = x * broadcast_double(0.63661977236758134) + shift;
  const DoubleVec n = shifted - shift;
  return {x - n * broadcast_double(1.5707963267341256) - n * broadcast_double(6.077100506506192e-11),
          reinterpret_cast<LongVec>(shifted) & 3};
}

FUSOR_INLINE SineCosine sine_cosine(Vec x) {
  const HalfReduction lower = reduce_by_half_pi(lower_double(x)), upper = reduce_by_half_pi(upper_double(x));
  SineCosine result =
      sine_cosine_of(to_float(lower.remainder, upper.remainder), to_int(lower.quadrant, upper.quadrant));
  const IntVec is_large = (absolute(x) > broadcast(kGreatestReduced)) & (absolute(x) < broadcast(kInfinity));
  if (__builtin_expect(any(is_large), 0)) {
    for (int i = 0; i < kLanes; ++i) {
      if (!is_large[i]) continue;
      result.sine[i] = __builtin_sinf(x[i]);
      result.cosine[i] = __builtin_cosf(x[i]);
    }
  }
  return result;
}
// -0 stays -0.
FUSOR_INLINE Vec sine(Vec x) {
  return select(x == zero(), x, sine_cosine(x).sine);
}
FUSOR_INLINE Vec cosine(Vec x) {
  return sine_cosine(x).cosine;
}

// ---- pow
// |x|^y = 2^(y log2 |x|) in double precision, where y log2 |x| up to 128 needs more than f32's 24 bits.

// log2 of finite positive numbers that are floats: 2^n m with m between sqrt(1/2) and sqrt(2).
// s = (m - 1) / (m + 1), log2 m = s P(s^2), error of the fit 3e-14.
FUSOR_INLINE DoubleVec logarithm2_of_floats(DoubleVec x) {
  // The bits, counted from sqrt(1/2) 2^-1024: not negative for any float.
  const UnsignedLongVec bits = reinterpret_cast<UnsignedLongVec>(x);
  const UnsignedLongVec n = (bits - (0x3fe6a09e667f3bcd - (uint64_t{1024} << 52))) >> 52;
  const DoubleVec m = reinterpret_cast<DoubleVec>(bits - ((n - 1024) << 52));
  // n as a double: 2^52 + n has n in its low bits.
  const DoubleVec exponent =
      reinterpret_cast<DoubleVec>(n | 0x4330000000000000) - broadcast_double(4503599627370496.0 + 1024);
  const DoubleVec s = (m - 1.0) / (m + 1.0), square = s * s;
  DoubleVec p = broadcast_double(0.28290639775411525);
  p = p * square + 0.31990521367169494;
  p = p * square + 0.4122092655281267;
  p = p * square + 0.57707794221793951;
  p = p * square + 0.96179669411391999;
  p = p * square + 2.8853900817778504;
  return exponent + s * p;
}
// 2^x; error of the fit 4e-11. Beyond f32's range the result still is.
FUSOR_INLINE DoubleVec exponential2(DoubleVec x) {
  x = x > broadcast_double(130.0) ? broadcast_double(130.0) : x;
  x = x < broadcast_double(-160.0) ? broadcast_double(-160.0) : x;
  const DoubleVec shift = broadcast_double(6755399441055744.0);
  const DoubleVec shifted = x + shift;
  const DoubleVec r = x - (shifted - shift);
  DoubleVec p = broadcast_double(1.5316462914402825e-05);
  p = p * r + 0.00015469731693304112;
  p = p * r + 0.0013333422640465266;
  p = p * r + 0.0096180256040049351;
  p = p * r + 0.055504109761139467;
  p = p * r + 0.2402265121358553;
  p = p * r + 0.69314718053502644;
  p = p * r + 0.99999999995954958;
  const DoubleVec scaled = reinterpret_cast<DoubleVec>(reinterpret_cast<UnsignedLongVec>(p) +
                                                       (reinterpret_cast<UnsignedLongVec>(shifted) << 52));
  return x == x ? scaled : x;
}
FUSOR_INLINE DoubleVec half_power(DoubleVec x, DoubleVec y) {
  DoubleVec log = logarithm2_of_floats(x);
  log = x == 0.0 ? broadcast_double(-__builtin_inf()) : log;
  log = x < broadcast_double(__builtin_inf()) ? log : x;  // infinity and NaN
  return exponential2(y * log);
}

FUSOR_INLINE Vec power(Vec x, Vec y) {
  const Vec a = absolute(x);
  const Vec one = broadcast(1.f);
  Vec result =
      to_float(half_power(lower_double(a), lower_double(y)), half_power(upper_double(a), upper_double(y)));
  result = select((a == one) & (y == y), one, result);  // (+-1)^(+-infinity)
  // Negative bases: floats from 2^24 on are even.
  const Vec magnitude = absolute(y);
  const IntVec is_huge = magnitude >= broadcast(16777216.f);
  const IntVec is_whole = is_huge | (truncate(y) == y);
  const IntVec is_odd = is_whole & ~is_huge & ((to_int(select(is_huge, zero(), y)) & 1) != 0);
  result = float_of_bits(bits_of(result) ^ (is_odd & sign_bits(x)));
  const IntVec is_undefined = (x < zero()) & (a < broadcast(kInfinity)) & ~is_whole;
  result = select(is_undefined, broadcast(kNaN), result);
  return select((y == zero()) | (x == one), one, result);
}

}  // namespace
}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
