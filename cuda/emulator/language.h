// The words of CUDA C++ that kernels use, for a host compiler. What they do is in block.h and memory.h;
// nothing here switches fibers or touches device memory by itself.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <tuple>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __restrict__ __restrict
#define __constant__ const
#define __align__(n) __attribute__((aligned(n)))

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
inline float2 make_float2(float x, float y) {
  return {x, y};
}
inline float4 make_float4(float x, float y, float z, float w) {
  return {x, y, z, w};
}
inline uint2 make_uint2(unsigned x, unsigned y) {
  return {x, y};
}
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
  return {x, y, z, w};
}
inline int2 make_int2(int x, int y) {
  return {x, y};
}
inline int4 make_int4(int x, int y, int z, int w) {
  return {x, y, z, w};
}

#include "emulator/block.h"
#include "emulator/memory.h"
#include "emulator/primitives.h"

#define threadIdx (::fusor::cuda::emulator::thread_index())
#define blockIdx (::fusor::cuda::emulator::block_index())
#define blockDim (::fusor::cuda::emulator::block_size())
#define gridDim (::fusor::cuda::emulator::grid_size())
#define warpSize 32

#define FUSOR_DYNAMIC_SHARED(Type, name) \
  Type* const name = reinterpret_cast<Type*>(::fusor::cuda::emulator::dynamic_shared())
#define FUSOR_SHARED(Type, name, count)          \
  static const char fusor_shared_key_##name = 0; \
  Type* const name = static_cast<Type*>(         \
      ::fusor::cuda::emulator::static_shared(&fusor_shared_key_##name, sizeof(Type) * (count)))

// ---- barriers and warp collectives
// -------------------------------------------------------------------------------------
inline void __syncthreads(fusor::cuda::emulator::Place place = fusor::cuda::emulator::Place::current()) {
  fusor::cuda::emulator::synchronize_threads(place);
}
inline void __syncwarp(unsigned mask = 0xffffffffu,
                       fusor::cuda::emulator::Place place = fusor::cuda::emulator::Place::current()) {
  fusor::cuda::emulator::synchronize_warp(mask, place);
}
template <class T>
inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32,
                     fusor::cuda::emulator::Place place = fusor::cuda::emulator::Place::current()) {
  return fusor::cuda::emulator::shuffle(mask, value, fusor::cuda::emulator::Shuffle::index, lane, width,
                                        place);
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32,
                         fusor::cuda::emulator::Place place = fusor::cuda::emulator::Place::current()) {
  return fusor::cuda::emulator::shuffle(mask, value, fusor::cuda::emulator::Shuffle::exclusive_or, lanes,
                                        width, place);
}
template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned lanes, int width = 32,
                        fusor::cuda::emulator::Place place = fusor::cuda::emulator::Place::current()) {
  return fusor::cuda::emulator::shuffle(mask, value, fusor::cuda::emulator::Shuffle::up,
                                        static_cast<int>(lanes), width, place);
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned lanes, int width = 32,
                          fusor::cuda::emulator::Place place = fusor::cuda::emulator::Place::current()) {
  return fusor::cuda::emulator::shuffle(mask, value, fusor::cuda::emulator::Shuffle::down,
                                        static_cast<int>(lanes), width, place);
}
inline unsigned __ballot_sync(unsigned mask, int predicate,
                              fusor::cuda::emulator::Place place = fusor::cuda::emulator::Place::current()) {
  return fusor::cuda::emulator::ballot(mask, predicate != 0, place);
}
inline int __any_sync(unsigned mask, int predicate,
                      fusor::cuda::emulator::Place place = fusor::cuda::emulator::Place::current()) {
  return fusor::cuda::emulator::ballot(mask, predicate != 0, place) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      fusor::cuda::emulator::Place place = fusor::cuda::emulator::Place::current()) {
  return fusor::cuda::emulator::ballot(mask, predicate != 0, place) == mask;
}
inline int __syncthreads_or(int predicate,
                            fusor::cuda::emulator::Place place = fusor::cuda::emulator::Place::current()) {
  return fusor::cuda::emulator::synchronize_threads_or(predicate != 0, place);
}

// ---- atomics: blocks run on several host threads
// ----------------------------------------------------------------------
template <class T, class Change>
inline T fusor_emulator_atomic(T* address, Change change) {
  fusor::cuda::emulator::check_access(address, sizeof(T), sizeof(T), true);
  std::atomic_ref<T> reference(*address);
  T old = reference.load();
  while (!reference.compare_exchange_weak(old, change(old))) {
  }
  return old;
}
template <class T>
inline T atomicAdd(T* address, std::type_identity_t<T> value) {
  return fusor_emulator_atomic(address, [value](T old) { return static_cast<T>(old + value); });
}
template <class T>
inline T atomicMax(T* address, std::type_identity_t<T> value) {
  return fusor_emulator_atomic(address, [value](T old) { return std::max(old, value); });
}
template <class T>
inline T atomicMin(T* address, std::type_identity_t<T> value) {
  return fusor_emulator_atomic(address, [value](T old) { return std::min(old, value); });
}
template <class T>
inline T atomicExch(T* address, std::type_identity_t<T> value) {
  return fusor_emulator_atomic(address, [value](T) { return value; });
}
template <class T>
inline T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return fusor_emulator_atomic(address, [=](T old) { return old == expected ? value : old; });
}
inline void __threadfence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void __threadfence_block() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

// ---- loads with hints
// ---------------------------------------------------------------------------------------------------
template <class T>
inline T __ldg(const T* p) {
  return *p;
}
template <class T>
inline T __ldcs(const T* p) {
  return *p;
}
template <class T>
inline void __stcs(T* p, T value) {
  *p = value;
}

// ---- arithmetic
// ---------------------------------------------------------------------------------------------------------
using std::max;
using std::min;
inline float rsqrtf(float x) {
  return 1.f / std::sqrt(x);
}
inline float __frcp_rn(float x) {
  return 1.f / x;
}
inline float __expf(float x) {
  return std::exp(x);
}
inline float __logf(float x) {
  return std::log(x);
}
inline float __fdividef(float x, float y) {
  return x / y;
}
inline float __fmaf_rn(float x, float y, float z) {
  return std::fma(x, y, z);
}
inline float __fadd_rn(float x, float y) {
  return x + y;
}
inline float __fmul_rn(float x, float y) {
  return x * y;
}
inline float __int_as_float(int x) {
  return std::bit_cast<float>(x);
}
inline int __float_as_int(float x) {
  return std::bit_cast<int>(x);
}
inline float __uint_as_float(unsigned x) {
  return std::bit_cast<float>(x);
}
inline unsigned __float_as_uint(float x) {
  return std::bit_cast<unsigned>(x);
}
inline int __popc(unsigned x) {
  return std::popcount(x);
}
inline int __ffs(int x) {
  return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1;
}
inline int __clz(int x) {
  return std::countl_zero(static_cast<unsigned>(x));
}
inline unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>(static_cast<uint64_t>(x) * y >> 32);
}
