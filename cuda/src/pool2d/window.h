// Which input pixels an output pixel of a pooling looks at, along one axis.
#pragma once

#include <cstdint>

#include "arch/platform.h"

namespace fusor::cuda {

struct PoolWindow {
  int64_t start;    // the first tap inside the image
  int64_t count;    // taps inside
  int64_t divisor;  // what a mean divides by
};

struct PoolAxis {
  int64_t size = 1;  // of the input
  // Window i starts at i * stride - before and has `kernel` taps, `dilation` apart.
  int64_t stride = 1, before = 0, after = 0, kernel = 1, dilation = 1;
  bool counts_padding = false;
  int64_t bins =
      0;  // adaptive pooling where > 0: bin i covers floor(i size / bins) to ceil((i + 1) size / bins)

  FUSOR_HOST_DEVICE constexpr PoolWindow window(int64_t i) const {
    if (bins > 0) {
      const int64_t start = i * size / bins, end = ((i + 1) * size + bins - 1) / bins;
      return {start, end - start, end - start};
    }
    const int64_t first = i * stride - before, last = first + (kernel - 1) * dilation;
    const int64_t skipped = first < 0 ? (-first + dilation - 1) / dilation : 0;
    const int64_t start = first + skipped * dilation;
    const int64_t inside = (last < size - 1 ? last : size - 1) - start;
    const int64_t count = inside < 0 ? 0 : inside / dilation + 1;
    // As PyTorch counts padding in: a window is first cut at the end of the padded image.
    const int64_t end = last < size + after - 1 ? last : size + after - 1;
    return {start, count, counts_padding ? end - first + 1 : count};
  }
};

}  // namespace fusor::cuda
