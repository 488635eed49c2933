// The 16-bit floats and conversions between element types. Arithmetic is done in float: kernels convert on
// load and store.
#pragma once

#include "arch/platform.h"

#if !defined(__CUDACC__)
#include "emulator/float16.h"
#endif

namespace fusor::cuda {

#if defined(__CUDACC__)
using bf16 = __nv_bfloat16;
using f16 = __half;
FUSOR_HOST_DEVICE float to_float(bf16 x) {
  return __bfloat162float(x);
}
FUSOR_HOST_DEVICE float to_float(f16 x) {
  return __half2float(x);
}
template <class T>
FUSOR_HOST_DEVICE T from_float(float x);
template <>
FUSOR_HOST_DEVICE bf16 from_float<bf16>(float x) {
  return __float2bfloat16_rn(x);
}
template <>
FUSOR_HOST_DEVICE f16 from_float<f16>(float x) {
  return __float2half_rn(x);
}
#else
using bf16 = emulator::BFloat16;
using f16 = emulator::Float16;
inline float to_float(bf16 x) {
  return emulator::widen(x);
}
inline float to_float(f16 x) {
  return emulator::widen(x);
}
template <class T>
inline T from_float(float x);
template <>
inline bf16 from_float<bf16>(float x) {
  return emulator::to_bfloat16(x);
}
template <>
inline f16 from_float<f16>(float x) {
  return emulator::to_float16(x);
}
#endif

FUSOR_HOST_DEVICE float to_float(float x) {
  return x;
}
template <>
FUSOR_HOST_DEVICE float from_float<float>(float x) {
  return x;
}

}  // namespace fusor::cuda
