// The language that kernels are written in: CUDA C++ by nvcc, or the emulator's words for it by any C++20
// compiler.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
// Dynamic shared memory, 1024-byte aligned, undefined (in the emulator: NaN) at the start of a block.
#define FUSOR_DYNAMIC_SHARED(Type, name)                                  \
  extern __shared__ __align__(1024) unsigned char fusor_dynamic_shared[]; \
  Type* const name = reinterpret_cast<Type*>(fusor_dynamic_shared)
// A small array of its own in shared memory. A bare __shared__ variable does not compile in the emulator.
#define FUSOR_SHARED(Type, name, count)                     \
  __shared__ __align__(16) Type fusor_shared_##name[count]; \
  Type* const name = fusor_shared_##name
#else
#include "emulator/language.h"
#endif

#define FUSOR_DEVICE __device__ __forceinline__
#define FUSOR_HOST_DEVICE __host__ __device__ __forceinline__
