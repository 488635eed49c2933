// Where a window (a convolution's kernel, a pool's) fits along one dimension.
#pragma once

#include <cstdint>

#include "op/infer.h"

namespace fusor {

// One spatial dimension of a window that slides. Sizes are checked here with 64 bits: `input` comes from a
// shape that fits, the others are positive 32-bit numbers.
struct Window {
  int64_t input;
  int64_t before, after;  // padding
  int64_t kernel, stride, dilation;

  int64_t padded() const { return input + before + after; }
  int64_t extent() const { return dilation * (kernel - 1) + 1; }
  bool fits() const { return padded() >= extent(); }
  // Windows that lie wholly in the padded input. Where fits() is false, this is 0 or less.
  int64_t outputs() const;
  // With ceil mode there may be one more, hanging over the end, but only if it starts inside the input or the
  // padding before it (as in PyTorch).
  int64_t outputs_ceil() const;
};

// `values` (of two: height, width) are at least `least`.
void require_pair(const Inference& call, const char* name, const int32_t* values, int32_t least);
void require_padding(const Inference& call, const int32_t* padding);

}  // namespace fusor
