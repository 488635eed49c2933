// Models of what a warp does together: shuffles, asynchronous copies, matrix fragments. The last lane to
// arrive at a collective executes it for all of them; the operands lie on the others' stacks.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "emulator/block.h"

namespace fusor::cuda {
struct TensorMap;
}

namespace fusor::cuda::emulator {

void synchronize_warp(unsigned mask, Place place);
unsigned ballot(unsigned mask, bool predicate, Place place);

enum class Shuffle { index, exclusive_or, up, down };
uint64_t shuffle_bits(unsigned mask, uint64_t value, Shuffle kind, int operand, int width, Place place);

template <class T>
inline T shuffle(unsigned mask, T value, Shuffle kind, int operand, int width, Place place) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  uint64_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof value);
  bits = shuffle_bits(mask, bits, kind, operand, width, place);
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

void async_copy(void* shared, const void* global, int bytes, bool valid);
void async_copy_commit();
void async_copy_wait(int newest);

void ldmatrix(uint32_t* registers, int matrices, bool transposed, const void* shared_row);
/** rows x columns fragments of 16x8, as arch/matrix.h lays them out. */
void mma_m16n8k16(float* d, const uint32_t* a, const uint32_t* b, int rows, int columns, bool bfloat16);
void mma_m16n8k8_tf32(float* d, const uint32_t* a, const uint32_t* b, int rows, int columns);

inline uint32_t to_tf32(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return (bits & 0x007fffffu) != 0 ? 0x7fffffffu : bits;
  return (bits + 0x1000u) & 0xffffe000u;  // to nearest, ties away from zero
}

// ---- Hopper (hopper.cpp)
// ------------------------------------------------------------------------------------------------
void mbarrier_initialise(uint64_t* barrier, int arrivals);
void mbarrier_arrive(uint64_t* barrier, int bytes);
void mbarrier_wait(uint64_t* barrier, int parity, Place place = Place::current());
void fence_async_shared();
void tma_load_im2col(void* shared, const TensorMap* map, uint64_t* barrier, int c, int w, int h, int n,
                     int offset_w, int offset_h);
void tma_load_tiled(void* shared, const TensorMap* map, uint64_t* barrier, int rank, const int* start);
void tma_store_tiled(const TensorMap* map, const void* shared, int rank, const int* start);
void tma_store_commit();
void tma_store_wait_read(int newest);
/** Offset from the start of dynamic shared memory. */
uint64_t shared_address(const void* shared);
void wgmma_fence();
void wgmma_commit();
void wgmma_wait(int newest);
void wgmma(float* d, int columns, uint64_t a, uint64_t b, bool accumulate, bool bfloat16);

}  // namespace fusor::cuda::emulator
