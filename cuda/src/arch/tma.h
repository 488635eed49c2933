// TMA (sm_90): boxes of tensors between global and shared memory, by one thread's instruction and the copy
// engine's work. A load announces its end on an mbarrier, a store belongs to a group of the thread that
// issued it.
#pragma once

#include "arch/mbarrier.h"
#include "arch/tensor_map.h"

namespace fusor::cuda {

/** To `shared` (1024-byte aligned, because of the swizzle): the map's pixels from the filter position (h, w)
 * of image n on, 64 channels from c, at the place (offset_h, offset_w) of the filter. */
FUSOR_DEVICE void tma_load_im2col(void* shared, const TensorMap* map, MBarrier* barrier, int c, int w, int h,
                                  int n, int offset_w, int offset_h) {
#if defined(__CUDACC__)
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4, %5, %6}], [%2], {%7, %8};" ::"r"(shared_address(shared)),
      "l"(map), "r"(shared_address(barrier)), "r"(c), "r"(w), "r"(h), "r"(n),
      "h"(static_cast<uint16_t>(offset_w)), "h"(static_cast<uint16_t>(offset_h))
      : "memory");
#else
  emulator::tma_load_im2col(shared, map, barrier, c, w, h, n, offset_w, offset_h);
#endif
}

FUSOR_DEVICE void tma_load_2d(void* shared, const TensorMap* map, MBarrier* barrier, int x, int y) {
#if defined(__CUDACC__)
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, "
      "%4}], [%2];" ::"r"(shared_address(shared)),
      "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y)
      : "memory");
#else
  const int start[3] = {x, y, 0};
  emulator::tma_load_tiled(shared, map, barrier, 2, start);
#endif
}

FUSOR_DEVICE void tma_load_3d(void* shared, const TensorMap* map, MBarrier* barrier, int x, int y, int z) {
#if defined(__CUDACC__)
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%3, %4, %5}], [%2];" ::"r"(shared_address(shared)),
      "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y), "r"(z)
      : "memory");
#else
  const int start[3] = {x, y, z};
  emulator::tma_load_tiled(shared, map, barrier, 3, start);
#endif
}

FUSOR_DEVICE void tma_store_2d(const TensorMap* map, const void* shared, int x, int y) {
#if defined(__CUDACC__)
  asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%0, {%2, %3}], [%1];" ::"l"(map),
               "r"(shared_address(shared)), "r"(x), "r"(y)
               : "memory");
#else
  const int start[3] = {x, y, 0};
  emulator::tma_store_tiled(map, shared, 2, start);
#endif
}

FUSOR_DEVICE void tma_store_3d(const TensorMap* map, const void* shared, int x, int y, int z) {
#if defined(__CUDACC__)
  asm volatile(
      "cp.async.bulk.tensor.3d.global.shared::cta.tile.bulk_group [%0, {%2, %3, %4}], [%1];" ::"l"(map),
      "r"(shared_address(shared)), "r"(x), "r"(y), "r"(z)
      : "memory");
#else
  const int start[3] = {x, y, z};
  emulator::tma_store_tiled(map, shared, 3, start);
#endif
}

/** Closes this thread's group of stores. */
FUSOR_DEVICE void tma_store_commit() {
#if defined(__CUDACC__)
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
#else
  emulator::tma_store_commit();
#endif
}

/** Waits until all but the `Newest` latest groups of this thread have read their shared memory. A thread must
 * do so before it ends. */
template <int Newest>
FUSOR_DEVICE void tma_store_wait_read() {
#if defined(__CUDACC__)
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(Newest) : "memory");
#else
  emulator::tma_store_wait_read(Newest);
#endif
}

/** The map's 128 bytes into the cache of the copy engine. */
FUSOR_DEVICE void tma_prefetch(const TensorMap* map) {
#if defined(__CUDACC__)
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
#else
  (void)map;  // caches are not modelled
#endif
}

}  // namespace fusor::cuda
