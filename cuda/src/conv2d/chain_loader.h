// Global to shared memory for the chain kernel: the ring of input pixels, and weights.
#pragma once

#include "arch/async_copy.h"
#include "arch/types.h"
#include "conv2d/chain_layout.h"

namespace fusor::cuda::chain_detail {

/** Copies input pixels `first` to `first + count - 1` to the places from `place` on. Pixels before the first
 * image and after the last are left out: no tap reads them. */
template <class T>
FUSOR_DEVICE void load_pixels(unsigned char* patch, const Problem& p, int first, int count, int place) {
  const T* const x = static_cast<const T*>(p.x);
  for (int index = threadIdx.x; index < count * 8; index += kThreads) {
    const int pixel = first + index / 8, chunk = index % 8;
    if (pixel < 0 || pixel >= p.rows) continue;
    int to = place + index / 8;
    if (to >= p.ring) to -= p.ring;
    for (int slab = 0; slab < p.slabs; ++slab) {
      const int channel = slab * kSlab + chunk * 8;
      const bool valid = channel < p.c;
      async_copy<16>(
          patch + slab * p.ring * kSlabRowBytes + conv2d_detail::swizzled_offset<kSlabRowBytes>(to, chunk),
          x + (valid ? int64_t{pixel} * p.c + channel : 0), valid);
    }
  }
}

/** Tile `step` of the weights of a tile of pixels: first the taps, 64 inputs at a time, then the groups of y.
 * What is past the tensors' ends becomes zeros. */
template <class S>
FUSOR_DEVICE void load_weights(unsigned char* tile, const Problem& p, int step) {
  using T = typename S::T;
  const int taps = kTaps * p.slabs;
  if (step < taps) {
    const T* const weight = static_cast<const T*>(p.weight1);
    const int tap = step / p.slabs, first = (step - tap * p.slabs) * kSlab;
#pragma unroll
    for (int i = 0; i < S::N1 * 8 / kThreads; ++i) {
      const int index = i * kThreads + threadIdx.x, filter = index / 8, chunk = index % 8;
      const int channel = first + chunk * 8;
      const bool valid = filter < p.k1 && channel < p.c;
      async_copy<16>(tile + conv2d_detail::swizzled_offset<kSlabRowBytes>(filter, chunk),
                     weight + (valid ? (int64_t{filter} * kTaps + tap) * p.c + channel : 0), valid);
    }
    return;
  }
  const int group = step - taps;
  {
    const T* const weight = static_cast<const T*>(p.weight2);
    constexpr int kChunks = S::N1 / 8;
#pragma unroll
    for (int i = 0; i < kGroup * kChunks / kThreads; ++i) {
      const int index = i * kThreads + threadIdx.x, row = index / kChunks, chunk = index % kChunks;
      const int filter = group * kGroup + channel_of_row(row), channel = chunk * 8;
      const bool valid = filter < p.k2 && channel < p.k1;
      async_copy<16>(tile + chunk / 8 * kGroup * kSlabRowBytes +
                         conv2d_detail::swizzled_offset<kSlabRowBytes>(row, chunk % 8),
                     weight + (valid ? int64_t{filter} * p.k1 + channel : 0), valid);
    }
  }
  if constexpr (S::N3 > 0) {
    const T* const weight = static_cast<const T*>(p.weight3);
    constexpr int kChunks = kGroup / 8;
#pragma unroll
    for (int i = 0; i < S::N3 * kChunks / kThreads; ++i) {
      const int index = i * kThreads + threadIdx.x, row = index / kChunks, chunk = index % kChunks;
      const int filter = row / kGroup * kGroup + channel_of_row(row % kGroup);
      const int channel = group * kGroup + chunk * 8;
      const bool valid = filter < p.k3 && channel < p.k2;
      async_copy<16>(tile + S::kMiddleBytes + (row * kChunks + chunk) * 16,
                     weight + (valid ? int64_t{filter} * p.k2 + channel : 0), valid);
    }
  }
}

/** The weights as the tiles of pixels take them, one after the other: from where they stay, or through a ring
 * of `kStages` places that is refilled `kStages - 1` steps ahead. */
template <class S>
class Weights {
 public:
  FUSOR_DEVICE Weights(unsigned char* shared, const Problem& p, int pixel_tiles)
      : shared_(shared), p_(p), steps_(kTaps * p.slabs + p.groups) {
    if constexpr (S::Resident) {
      for (int step = 0; step < steps_; ++step) load_weights<S>(place(step), p, step);
      async_copy_commit();
    } else {
      left_ = pixel_tiles * steps_;
#pragma unroll
      for (int stage = 0; stage < S::kStages - 1; ++stage) {
        refill(stage);
        async_copy_commit();
      }
    }
  }

  /** The tile of weights of `step`, which is the step after the last call's. `begins`: the first of a tile of
   * pixels, whose own copies are waited for too. `free`, if called for, is run when all warps have come here.
   */
  template <class Free>
  FUSOR_DEVICE const unsigned char* next(int step, bool begins, bool calls, Free free) {
    if constexpr (S::Resident) {
      if (begins) async_copy_wait<0>();
      if (begins || calls) __syncthreads();
      if (calls) {
        free();
        async_copy_commit();
      }
      return place(step);
    } else {
      if (begins) {
        async_copy_wait<0>();  // what is under way has had the time of a step: nothing is lost
      } else {
        async_copy_wait<S::kStages - 2>();
      }
      __syncthreads();
      refill(writing_);
      if (calls) free();
      async_copy_commit();
      const unsigned char* const tile = shared_ + reading_ * S::kStageBytes;
      reading_ = reading_ + 1 == S::kStages ? 0 : reading_ + 1;
      writing_ = writing_ + 1 == S::kStages ? 0 : writing_ + 1;
      return tile;
    }
  }

 private:
  FUSOR_DEVICE unsigned char* place(int step) const {
    const int taps = kTaps * p_.slabs;
    return shared_ +
           (step < taps ? step * S::kTapBytes : taps * S::kTapBytes + (step - taps) * S::kGroupBytes);
  }
  FUSOR_DEVICE void refill(int stage) {
    if (left_ == 0) return;
    --left_;
    load_weights<S>(shared_ + stage * S::kStageBytes, p_, loading_);
    loading_ = loading_ + 1 == steps_ ? 0 : loading_ + 1;
  }

  unsigned char* const shared_;
  const Problem& p_;
  const int steps_;
  int left_ = 0, loading_ = 0, reading_ = 0, writing_ = S::kStages - 1;
};

}  // namespace fusor::cuda::chain_detail
