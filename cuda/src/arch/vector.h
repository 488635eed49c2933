// Loads and stores of several elements at once. A warp that moves 16 bytes a lane moves 512 bytes an
// instruction, the widest the chip has; anything that is bound by memory should be written in these.
#pragma once

#include "arch/types.h"

namespace fusor::cuda {

/** N elements that lie together: 2, 4, 8 or 16 bytes, aligned to their size. */
template <class T, int N>
struct alignas(sizeof(T) * N) Vector {
  static_assert(sizeof(T) * N <= 16, "the widest access has 16 bytes");
  static constexpr int size = N;
  T values[N];
  FUSOR_HOST_DEVICE T& operator[](int i) { return values[i]; }
  FUSOR_HOST_DEVICE const T& operator[](int i) const { return values[i]; }
};

/** Elements of T in a 16-byte access. */
template <class T>
inline constexpr int kVectorLength = 16 / sizeof(T);

#if defined(__CUDACC__)
namespace detail {
template <int Bytes>
struct Raw;
template <>
struct Raw<16> {
  using type = uint4;
};
template <>
struct Raw<8> {
  using type = uint2;
};
template <>
struct Raw<4> {
  using type = unsigned;
};
template <>
struct Raw<2> {
  using type = unsigned short;
};
template <>
struct Raw<1> {
  using type = unsigned char;
};
template <class V>
using RawOf = typename Raw<sizeof(V)>::type;
}  // namespace detail
#endif

/** What is computed from `v` before is not kept for later: without it the compiler converts 16-bit elements
 * to floats once and holds both, which takes three times the registers. */
template <class T, int N>
FUSOR_DEVICE void forget_conversions(Vector<T, N>& v) {
#if defined(__CUDACC__)
  static_assert(sizeof v % 4 == 0);
  unsigned* const words = reinterpret_cast<unsigned*>(&v);
#pragma unroll
  for (int i = 0; i < static_cast<int>(sizeof v / 4); ++i) asm volatile("" : "+r"(words[i]));
#else
  (void)v;
#endif
}

/** N elements at `p`, which is aligned to N elements. */
template <int N, class T>
FUSOR_DEVICE Vector<T, N> load(const T* p) {
#if defined(__CUDACC__)
  using Raw = detail::RawOf<Vector<T, N>>;
  Vector<T, N> v;
  *reinterpret_cast<Raw*>(&v) = *reinterpret_cast<const Raw*>(p);
  return v;
#else
  return emulator::load_bytes<Vector<T, N>>(p);
#endif
}

/** Of data that is read once and by nobody else: leaves the caches to what is read again. */
template <int N, class T>
FUSOR_DEVICE Vector<T, N> load_streaming(const T* p) {
#if defined(__CUDACC__)
  using Raw = detail::RawOf<Vector<T, N>>;
  Vector<T, N> v;
  *reinterpret_cast<Raw*>(&v) = __ldcs(reinterpret_cast<const Raw*>(p));
  return v;
#else
  return emulator::load_bytes<Vector<T, N>>(p);
#endif
}

template <class T, int N>
FUSOR_DEVICE void store(T* p, const Vector<T, N>& v) {
#if defined(__CUDACC__)
  using Raw = detail::RawOf<Vector<T, N>>;
  *reinterpret_cast<Raw*>(p) = *reinterpret_cast<const Raw*>(&v);
#else
  emulator::store_bytes(p, v);
#endif
}

/** Of data that nobody reads soon. */
template <class T, int N>
FUSOR_DEVICE void store_streaming(T* p, const Vector<T, N>& v) {
#if defined(__CUDACC__)
  using Raw = detail::RawOf<Vector<T, N>>;
  __stcs(reinterpret_cast<Raw*>(p), *reinterpret_cast<const Raw*>(&v));
#else
  emulator::store_bytes(p, v);
#endif
}

}  // namespace fusor::cuda
