// Every pair of element types. The limit is memory: one read, one write. f16 and bf16 go through f32, a small
// buffer at a time; the compiler makes vectors of the plain loops.
#include "cpu/convert/convert.h"

#include "cpu/simd/half.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

// 16-bit floats are told from integers by types of their own.
struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};

template <class To, class From>
FUSOR_INLINE To convert_one(From x) {
  return static_cast<To>(x);
}
// The bounds are powers of two, exact in f32; comparing so that NaN falls through to 0.
template <>
FUSOR_INLINE int32_t convert_one<int32_t, float>(float x) {
  const float low = -2147483648.f, high = 2147483648.f;
  const int32_t inside = x >= low && x < high ? static_cast<int32_t>(x) : 0;
  return x >= high ? INT32_MAX : x < low ? INT32_MIN : inside;
}
template <>
FUSOR_INLINE int64_t convert_one<int64_t, float>(float x) {
  const float low = -9223372036854775808.f, high = 9223372036854775808.f;
  const int64_t inside = x >= low && x < high ? static_cast<int64_t>(x) : 0;
  return x >= high ? INT64_MAX : x < low ? INT64_MIN : inside;
}
template <>
FUSOR_INLINE uint8_t convert_one<uint8_t, float>(float x) {
  const float high = x < 255.f ? x : 255.f;  // 255 for NaN
  return x > 0.f ? static_cast<uint8_t>(static_cast<int32_t>(high)) : uint8_t{0};
}

template <class From, class To>
void convert_plain(const void* from, void* to, int64_t count) {
  const From* __restrict x = static_cast<const From*>(from);
  To* __restrict y = static_cast<To*>(to);
  for (int64_t i = 0; i < count; ++i) y[i] = convert_one<To>(x[i]);
}

template <class T>
void copy(const void* from, void* to, int64_t count) {
  __builtin_memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
}

FUSOR_INLINE Vec widen(const Half* p) {
  return load_f16(&p->bits);
}
FUSOR_INLINE Vec widen(const Brain* p) {
  return load_bf16(&p->bits);
}
FUSOR_INLINE void narrow(Half* p, Vec x) {
  store_f16(&p->bits, x);
}
FUSOR_INLINE void narrow(Brain* p, Vec x) {
  store_bf16(&p->bits, x);
}

template <class From>
void widen_all(const void* from, void* to, int64_t count) {
  const From* x = static_cast<const From*>(from);
  float* y = static_cast<float*>(to);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, widen(x + i));
  if (i == count) return;
  From tail[kLanes] = {};
  __builtin_memcpy(tail, x + i, static_cast<size_t>(count - i) * sizeof(From));
  store_partial(y + i, widen(tail), static_cast<int>(count - i));
}

template <class To>
void narrow_all(const void* from, void* to, int64_t count) {
  const float* x = static_cast<const float*>(from);
  To* y = static_cast<To*>(to);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) narrow(y + i, load(x + i));
  if (i == count) return;
  To tail[kLanes];
  narrow(tail, load_partial(x + i, static_cast<int>(count - i)));
  __builtin_memcpy(y + i, tail, static_cast<size_t>(count - i) * sizeof(To));
}

// 16-bit floats to anything but f32, and back: through f32 in L1.
constexpr int64_t kBuffered = 512;

template <class From, void (*kSecond)(const void*, void*, int64_t), class To>
void widen_and(const void* from, void* to, int64_t count) {
  alignas(64) float buffer[kBuffered];
  for (int64_t i = 0; i < count; i += kBuffered) {
    const int64_t part = count - i < kBuffered ? count - i : kBuffered;
    widen_all<From>(static_cast<const From*>(from) + i, buffer, part);
    kSecond(buffer, static_cast<To*>(to) + i, part);
  }
}
template <class From, void (*kFirst)(const void*, void*, int64_t), class To>
void narrow_after(const void* from, void* to, int64_t count) {
  alignas(64) float buffer[kBuffered];
  for (int64_t i = 0; i < count; i += kBuffered) {
    const int64_t part = count - i < kBuffered ? count - i : kBuffered;
    kFirst(static_cast<const From*>(from) + i, buffer, part);
    narrow_all<To>(buffer, static_cast<To*>(to) + i, part);
  }
}

template <class From, class To>
constexpr auto kThroughFloat = widen_and<From, convert_plain<float, To>, To>;
template <class From, class To>
constexpr auto kFromFloat = narrow_after<From, convert_plain<From, float>, To>;

}  // namespace

extern const ConvertKernels convert_kernels;
const ConvertKernels convert_kernels = {{
    // to f32, f16, bf16, i32, i64, u8
    {copy<float>, narrow_all<Half>, narrow_all<Brain>, convert_plain<float, int32_t>,
     convert_plain<float, int64_t>, convert_plain<float, uint8_t>},
    {widen_all<Half>, copy<uint16_t>, widen_and<Half, narrow_all<Brain>, Brain>, kThroughFloat<Half, int32_t>,
     kThroughFloat<Half, int64_t>, kThroughFloat<Half, uint8_t>},
    {widen_all<Brain>, widen_and<Brain, narrow_all<Half>, Half>, copy<uint16_t>,
     kThroughFloat<Brain, int32_t>, kThroughFloat<Brain, int64_t>, kThroughFloat<Brain, uint8_t>},
    {convert_plain<int32_t, float>, kFromFloat<int32_t, Half>, kFromFloat<int32_t, Brain>, copy<int32_t>,
     convert_plain<int32_t, int64_t>, convert_plain<int32_t, uint8_t>},
    {convert_plain<int64_t, float>, kFromFloat<int64_t, Half>, kFromFloat<int64_t, Brain>,
     convert_plain<int64_t, int32_t>, copy<int64_t>, convert_plain<int64_t, uint8_t>},
    {convert_plain<uint8_t, float>, kFromFloat<uint8_t, Half>, kFromFloat<uint8_t, Brain>,
     convert_plain<uint8_t, int32_t>, convert_plain<uint8_t, int64_t>, copy<uint8_t>},
}};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
