#include "cpu/random/random.h"

#include "cpu/simd/lanes.h"
#include "cpu/simd/math.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr int kCounters = 16;  // per group

struct Product {
  UnsignedVec high, low;
};

// The 64-bit products of the even lanes.
FUSOR_INLINE UnsignedLongVec multiply_even(UnsignedVec x, UnsignedVec factor) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  return reinterpret_cast<UnsignedLongVec>(
      _mm512_mul_epu32(reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(factor)));
#elif defined(__AVX2__) && FUSOR_SIMD_BYTES == 32
  return reinterpret_cast<UnsignedLongVec>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(x), reinterpret_cast<__m256i>(factor)));
#elif defined(__x86_64__) && FUSOR_SIMD_BYTES == 16
  return reinterpret_cast<UnsignedLongVec>(
      _mm_mul_epu32(reinterpret_cast<__m128i>(x), reinterpret_cast<__m128i>(factor)));
#else
  return (reinterpret_cast<UnsignedLongVec>(x) & 0xffffffff) *
         (reinterpret_cast<UnsignedLongVec>(factor) & 0xffffffff);
#endif
}

// All 64 bits of the products of 32-bit lanes, which machines have for every other lane only: two of them and
// their halves sorted (x86 and NEON keep the lower half of 64 bits in the even lane).
FUSOR_INLINE Product multiply_wide(UnsignedVec x, uint32_t factor) {
  const UnsignedVec factors = broadcast_unsigned(factor);
  const UnsignedLongVec even = multiply_even(x, factors);
  const UnsignedLongVec odd =
      multiply_even(reinterpret_cast<UnsignedVec>(reinterpret_cast<UnsignedLongVec>(x) >> 32), factors);
  const UnsignedLongVec upper = UnsignedLongVec{} + 0xffffffff00000000;
  return {reinterpret_cast<UnsignedVec>((even >> 32) | (odd & upper)),
          reinterpret_cast<UnsignedVec>((even & ~upper) | (odd << 32))};
}

struct Words {
  UnsignedVec word[4];
};

FUSOR_INLINE Words philox(uint64_t first_counter, uint64_t seed) {
  // `first_counter` is a multiple of the lanes: adding a lane's number never carries.
  UnsignedVec low = broadcast_unsigned(static_cast<uint32_t>(first_counter));
  for (int lane = 0; lane < kLanes; ++lane) low[lane] += static_cast<uint32_t>(lane);
  const UnsignedVec high = broadcast_unsigned(static_cast<uint32_t>(first_counter >> 32));
  UnsignedVec c0 = low, c1 = high, c2{}, c3{};
  uint32_t key0 = static_cast<uint32_t>(seed), key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const Product p0 = multiply_wide(c0, 0xD2511F53u), p1 = multiply_wide(c2, 0xCD9E8D57u);
    const UnsignedVec next0 = p1.high ^ c1 ^ broadcast_unsigned(key0);
    const UnsignedVec next2 = p0.high ^ c3 ^ broadcast_unsigned(key1);
    c0 = next0, c1 = p1.low, c2 = next2, c3 = p0.low;
    key0 += 0x9E3779B9u;  // the golden ratio and the square root of 3, as the paper has it
    key1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// 24 random bits as a float in [0, 1).
FUSOR_INLINE Vec unit(UnsignedVec bits) {
  return to_float(reinterpret_cast<IntVec>(bits >> 8)) * broadcast(0x1p-24f);
}

FUSOR_INLINE void uniform(const Words& words, const RandomDistribution& d, Vec (&values)[4]) {
  for (int w = 0; w < 4; ++w)
    values[w] = minimum(broadcast(d.greatest),
                        multiply_add(unit(words.word[w]), broadcast(d.high - d.low), broadcast(d.low)));
}

// Box and Muller (1958): two uniform words give two independent normal values.
FUSOR_INLINE void normal(const Words& words, const RandomDistribution& d, Vec (&values)[4]) {
  for (int pair = 0; pair < 4; pair += 2) {
    const Vec above_zero = unit(words.word[pair]) + broadcast(0x1p-24f);  // (0, 1]: the logarithm is finite
    const Vec radius = square_root(broadcast(-2.f) * logarithm(above_zero));
    const SineCosine angle = sine_cosine(unit(words.word[pair + 1]) * broadcast(6.283185307179586f));
    values[pair] = multiply_add(radius * angle.cosine, broadcast(d.high), broadcast(d.low));
    values[pair + 1] = multiply_add(radius * angle.sine, broadcast(d.high), broadcast(d.low));
  }
}

FUSOR_INLINE void bernoulli(const Words& words, const RandomDistribution& d, Vec (&values)[4]) {
  for (int w = 0; w < 4; ++w)
    values[w] = select(unit(words.word[w]) < broadcast(d.high), broadcast(1.f), zero());
}

void generate(const RandomDistribution& d, uint64_t seed, uint64_t first_group, int64_t groups,
              float* output) {
  for (int64_t g = 0; g < groups; ++g, output += RandomKernels::kGroup)
    for (int first = 0; first < kCounters; first += kLanes) {
      const uint64_t counter =
          (first_group + static_cast<uint64_t>(g)) * kCounters + static_cast<uint64_t>(first);
      const Words words = philox(counter, seed);
      Vec values[4];
      switch (d.kind) {
        case FUSOR_RANDOM_UNIFORM:
          uniform(words, d, values);
          break;
        case FUSOR_RANDOM_NORMAL:
          normal(words, d, values);
          break;
        default:
          bernoulli(words, d, values);
          break;
      }
      for (int w = 0; w < 4; ++w) store(output + w * kCounters + first, values[w]);
    }
}

}  // namespace

extern const RandomKernels random_kernels;
const RandomKernels random_kernels{generate};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
