// Stores that go around the caches, for results that are too large to be found there again. Include from
// *.simd.cpp only.
//
// An ordinary store first reads the line that it writes (and later evicts it): a copy then moves three bytes
// for every two. A streaming store of a whole line does not. Where the set has none it is an ordinary store.
// They are ordered before what another thread does once a team has ended (threads/pool.cpp), not sooner.
#pragma once

#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

// Whether rows of `count` elements from `p` on can be streamed: every vector has to be aligned.
FUSOR_INLINE bool can_stream(const float* p, int64_t count) {
  return reinterpret_cast<uintptr_t>(p) % FUSOR_SIMD_BYTES == 0 && count % kLanes == 0;
}

// `p` is aligned to a vector.
FUSOR_INLINE void store_streaming(float* p, Vec v) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  _mm512_stream_ps(p, reinterpret_cast<__m512>(v));
#elif defined(__AVX2__) && FUSOR_SIMD_BYTES == 64
  __m256 halves[2];
  __builtin_memcpy(halves, &v, sizeof v);
  _mm256_stream_ps(p, halves[0]);
  _mm256_stream_ps(p + 8, halves[1]);
#elif defined(__AVX2__) && FUSOR_SIMD_BYTES == 32
  _mm256_stream_ps(p, reinterpret_cast<__m256>(v));
#elif defined(__x86_64__)
  _mm_stream_ps(p, reinterpret_cast<__m128>(v));
#else
  store(p, v);
#endif
}

}  // namespace
}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
