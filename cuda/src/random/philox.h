// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") and the numbers made from
// its words: the same as the CPU backend's (native/src/cpu/random), by the same formulas.
#pragma once

#include <cmath>
#include <cstdint>

#include "arch/platform.h"
#include "fusor/ops.h"

namespace fusor::cuda {

struct PhiloxWords {
  uint32_t word[4];
};

FUSOR_HOST_DEVICE constexpr PhiloxWords philox(uint64_t counter, uint64_t seed) {
  uint32_t c0 = static_cast<uint32_t>(counter), c1 = static_cast<uint32_t>(counter >> 32), c2 = 0, c3 = 0;
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = static_cast<uint64_t>(c0) * 0xD2511F53u, p1 = static_cast<uint64_t>(c2) * 0xCD9E8D57u;
    const uint32_t next0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ key0;
    const uint32_t next2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ key1;
    c0 = next0;
    c1 = static_cast<uint32_t>(p1);
    c2 = next2;
    c3 = static_cast<uint32_t>(p0);
    key0 += 0x9E3779B9u;  // the golden ratio and the square root of 3, as the paper has it
    key1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/** 24 random bits as a float in [0, 1). */
FUSOR_HOST_DEVICE float unit(uint32_t bits) {
  return static_cast<float>(bits >> 8) * 0x1p-24f;
}

// The logarithm and the sine of native/src/cpu/simd/math.h, whose coefficients these are: the chip's own
// differ in the last place, and a seed should give the same numbers everywhere.
FUSOR_DEVICE float philox_logarithm(float x) {  // of 2^-24 to 1
  const uint32_t bits = __float_as_uint(x);
  const int32_t n = static_cast<int32_t>(bits - 0x3f3504f3u) >> 23;
  const float f = __uint_as_float(bits - (static_cast<uint32_t>(n) << 23)) - 1.f;
  const auto exponent = static_cast<float>(n);
  float p = 0.0674917474f;
  p = fmaf(p, f, -0.116700158f);
  p = fmaf(p, f, 0.118835382f);
  p = fmaf(p, f, -0.124062404f);
  p = fmaf(p, f, 0.142203599f);
  p = fmaf(p, f, -0.166679889f);
  p = fmaf(p, f, 0.200020716f);
  p = fmaf(p, f, -0.250000089f);
  p = fmaf(p, f, 0.333333135f);
  const float square = f * f;
  const float small = fmaf(exponent, 1.42860677e-06f, fmaf(square * f, p, -0.5f * square));
  return fmaf(exponent, 0.693145751953125f, small + f);
}

struct SineCosine {
  float sine, cosine;
};
FUSOR_DEVICE SineCosine philox_sine_cosine(float x) {  // of 0 to 2 pi
  const float n = rintf(x * 0.63661977236758134f);
  // pi / 2 in two parts of 24 bits; n is at most 4 and the products are exact inside the fused operations.
  float r = fmaf(n, -1.57079637f, x);
  r = fmaf(n, 4.37113883e-08f, r);
  const float s2 = r * r;
  const float c = fmaf(fmaf(2.44306684e-05f, s2, -0.00138873013f), s2, 0.0416666456f);
  const float cosine = 1.f - fmaf(0.5f, s2, -(s2 * s2 * c));
  const float p = fmaf(fmaf(-0.000195186178f, s2, 0.00833219104f), s2, -0.166666552f);
  const float sine = fmaf(r * s2, p, r);
  const int quadrant = static_cast<int>(n) & 3;
  const float a = quadrant & 1 ? cosine : sine, b = quadrant & 1 ? sine : cosine;
  return {quadrant & 2 ? -a : a, (quadrant + 1) & 2 ? -b : b};
}

struct Distribution {
  int32_t kind;  // fusor_random_distribution
  float low, high;
  float greatest;  // uniform: the greatest float below high
};

/** Four numbers from a counter's words. */
FUSOR_DEVICE void draw(const Distribution& d, const PhiloxWords& words, float (&values)[4]) {
  switch (d.kind) {
    case FUSOR_RANDOM_UNIFORM:
#pragma unroll
      for (int w = 0; w < 4; ++w)
        values[w] = fminf(d.greatest, fmaf(unit(words.word[w]), d.high - d.low, d.low));
      return;
    case FUSOR_RANDOM_NORMAL:  // Box and Muller (1958): two uniform words, two independent normal values
#pragma unroll
      for (int pair = 0; pair < 4; pair += 2) {
        const float above_zero = unit(words.word[pair]) + 0x1p-24f;  // (0, 1]: the logarithm is finite
        const float radius = sqrtf(-2.f * philox_logarithm(above_zero));
        const SineCosine angle = philox_sine_cosine(unit(words.word[pair + 1]) * 6.283185307179586f);
        values[pair] = fmaf(radius * angle.cosine, d.high, d.low);
        values[pair + 1] = fmaf(radius * angle.sine, d.high, d.low);
      }
      return;
    default:  // Bernoulli
#pragma unroll
      for (int w = 0; w < 4; ++w) values[w] = unit(words.word[w]) < d.high ? 1.f : 0.f;
  }
}

}  // namespace fusor::cuda
