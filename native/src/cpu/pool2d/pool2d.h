// Pooling over windows of channel-blocked images: maximum or mean, fixed windows or adaptive bins.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

// The part of one window along one axis that lies inside the image, and how many steps it counts for in a
// mean (padding included where count_include_pad says so).
struct PoolWindow {
  int32_t start;    // first row or column inside the image
  int32_t count;    // taps inside the image; 0 if the window lies in the padding
  int32_t divisor;  // taps that a mean divides by
};

// One output row of one channel block.
struct PoolRow {
  const float* source;  // the block's first row of the window, column 0
  int64_t row_step;     // elements between taps: stride of a row times dilation
  int64_t column_step;  // lanes times dilation
  PoolWindow rows;
  const PoolWindow* columns;  // one per output column
  int64_t width;
  const float* empty;  // one vector: the result of a window without a tap
  float* output;
};

// The window of one output row (axis 0) or column (axis 1) of a pooling with fixed windows.
PoolWindow pool_window(const fusor_pool2d_attributes& attributes, int axis, int64_t output_index,
                       int64_t input_size);
// What a maximum over no taps is, one vector: -infinity in the `live` first lanes, zero past them.
void fill_empty_maximum(float* vector, int lanes, int64_t live);

struct Pool2dKernels {
  void (*max_row)(const PoolRow& row);
  void (*mean_row)(const PoolRow& row);
};

extern const OpEntry max_pool2d_op, avg_pool2d_op, adaptive_avg_pool2d_op, adaptive_max_pool2d_op;

}  // namespace fusor::cpu
