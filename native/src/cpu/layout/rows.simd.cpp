// Strided rows to channel-blocked rows and back. With contiguous columns (NCHW) this is a transposition of
// lanes x lanes tiles in registers; with contiguous channels (channels-last) a copy of vectors; else a
// gather. The limit is memory: a read and a write of every element.
#include "cpu/layout/kernels.h"
#include "cpu/simd/transpose.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

void to_blocked_row(const float* strided, int64_t channel_stride, int64_t column_stride, int channels,
                    int64_t width, float* blocked) {
  int64_t x = 0;
  if (channel_stride == 1) {
    for (; x < width; ++x, strided += column_stride, blocked += kLanes)
      store(blocked, channels == kLanes ? load(strided) : load_partial(strided, channels));
    return;
  }
  if (column_stride == 1) {
    for (; x + kLanes <= width; x += kLanes, strided += kLanes, blocked += kLanes * kLanes) {
      Vec tile[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) tile[i] = i < channels ? load(strided + i * channel_stride) : zero();
      transpose(tile);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(blocked + i * kLanes, tile[i]);
    }
  }
  for (; x < width; ++x, strided += column_stride, blocked += kLanes) {
    for (int i = 0; i < channels; ++i) blocked[i] = strided[i * channel_stride];
    for (int i = channels; i < kLanes; ++i) blocked[i] = 0.f;
  }
}

void from_blocked_row(const float* blocked, int64_t channel_stride, int64_t column_stride, int channels,
                      int64_t width, float* strided) {
  int64_t x = 0;
  if (channel_stride == 1) {
    for (; x < width; ++x, strided += column_stride, blocked += kLanes) {
      if (channels == kLanes)
        store(strided, load(blocked));
      else
        store_partial(strided, load(blocked), channels);
    }
    return;
  }
  if (column_stride == 1) {
    for (; x + kLanes <= width; x += kLanes, strided += kLanes, blocked += kLanes * kLanes) {
      Vec tile[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) tile[i] = load(blocked + i * kLanes);
      transpose(tile);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i)
        if (i < channels) store(strided + i * channel_stride, tile[i]);
    }
  }
  for (; x < width; ++x, strided += column_stride, blocked += kLanes)
    for (int i = 0; i < channels; ++i) strided[i * channel_stride] = blocked[i];
}

}  // namespace

extern const LayoutKernels layout_kernels;
const LayoutKernels layout_kernels{to_blocked_row, from_blocked_row};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
