#include "arch/launch.h"
#include "arch/tma.h"
#include "arch/vector.h"
#include "arch/wgmma.h"
#include "faults.h"

namespace fusor::cuda::testing {
namespace {

constexpr int kSize = 64, kTileBytes = kSize * kSize * 2;

FUSOR_DEVICE int swizzled(int row, int column) {
  return row * kSize + ((column / 8) ^ (row % 8)) * 8 + column % 8;
}

__global__ void multiply_by_identity(HopperFault fault, const __grid_constant__ TensorMap x,
                                     const __grid_constant__ TensorMap y) {
  FUSOR_DYNAMIC_SHARED(bf16, shared);
  bf16 *const a = shared, *const b = a + kSize * kSize, *const result = b + kSize * kSize;
  MBarrier* const barrier = reinterpret_cast<MBarrier*>(result + kSize * kSize);
  const int thread = threadIdx.x;
  if (thread == 0 && fault != HopperFault::barrier_not_initialised) {
    mbarrier_initialise(barrier, 1);
    mbarrier_initialise_fence();
  }
  for (int i = thread; i < kSize * kSize; i += 128) {
    b[swizzled(i / kSize, i % kSize)] = from_float<bf16>(i / kSize == i % kSize ? 1.f : 0.f);
  }
  if (fault != HopperFault::missing_proxy_fence) fence_async_shared();
  __syncthreads();
  if (thread == 0) {
    mbarrier_arrive_expect(barrier, kTileBytes);
    if (fault == HopperFault::too_many_arrivals) mbarrier_arrive(barrier);
    tma_load_2d(a, &x, barrier, 0, 0);
  }
  if (fault != HopperFault::missing_load_wait) mbarrier_wait(barrier, 0);
  float sums[kSize / 2];
  const uint64_t da = wgmma_descriptor(a), db = wgmma_descriptor(b);
  if (fault != HopperFault::missing_product_fence) wgmma_fence();
#pragma unroll
  for (int k = 0; k < 4; ++k) wgmma<bf16>(sums, da + k * 2, db + k * 2, k > 0);
  wgmma_commit();
  if (fault != HopperFault::missing_product_wait) wgmma_wait<0>();
  const int row = thread / 32 * 16 + thread % 32 / 4, column = thread % 4 * 2;
#pragma unroll
  for (int i = 0; i < kSize / 2; ++i) {
    result[swizzled(row + i / 2 % 2 * 8, i / 4 * 8 + column + i % 2)] = from_float<bf16>(sums[i]);
  }
  fence_async_shared();
  __syncthreads();
  if (thread == 0) {
    tma_store_2d(&y, result, 0, 0);
    tma_store_commit();
    if (fault != HopperFault::missing_store_wait) tma_store_wait_read<0>();
  }
}

}  // namespace

Status multiply_with_fault(Stream& stream, HopperFault fault, const void* x, void* y) {
  TensorMap x_map, y_map;
  TiledMap map{FUSOR_BF16, x, 2, {kSize, kSize, 1}, {kSize * 2, 0}, {kSize, kSize, 1}};
  FUSOR_RETURN_IF_ERROR(encode_tiled(&x_map, map));
  map.data = y;
  FUSOR_RETURN_IF_ERROR(encode_tiled(&y_map, map));
  return launch(multiply_by_identity, LaunchShape(1, 128, 3 * kTileBytes + 16), stream, fault, x_map, y_map);
}

}  // namespace fusor::cuda::testing
