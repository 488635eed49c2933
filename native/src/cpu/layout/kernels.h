// Row kernels of the layout changes, one table per instruction set.
#pragma once

#include <cstdint>

namespace fusor::cpu {

// One row of one channel block. Element (channel, x) of the strided side lies at
// strided + channel * channel_stride + x * column_stride; the blocked side is `width` vectors, one per pixel.
struct LayoutKernels {
  // Lanes past `channels` become zero.
  void (*to_blocked_row)(const float* strided, int64_t channel_stride, int64_t column_stride, int channels,
                         int64_t width, float* blocked);
  void (*from_blocked_row)(const float* blocked, int64_t channel_stride, int64_t column_stride, int channels,
                           int64_t width, float* strided);
};

}  // namespace fusor::cpu
