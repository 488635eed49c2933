// Convolutions of up to four channels in 16 bits, with or without a max-pool behind: what image networks
// begin with. See patch.cu.
#pragma once

#include "conv2d/conv2d.h"

namespace fusor::cuda {

/** Elements from one index to the next. */
struct PatchStrides {
  struct Image {
    int64_t outer, channel, row, column; /* of a filter: k, c, r, s */
  };
  Image x, weight;
  int64_t bias;
};

/** Whether there is a kernel for it. Looks at sizes, not at pointers. */
bool patch_conv2d_supports(const DeviceProperties& device, const Conv2dArguments& arguments);
/** y is channels last; the max-pool is `arguments.pool`, if there is one. */
Status patch_conv2d(Stream& stream, const Conv2dArguments& arguments, const PatchStrides& strides);

}  // namespace fusor::cuda
