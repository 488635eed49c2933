// Convolution on Hopper's own instructions: see hopper.sm90a.cu.
#pragma once

#include "conv2d/conv2d.h"

namespace fusor::cuda {

/** Whether the kernel can do it: sm_90, f16 or bf16, channels in multiples of 8, one group, strides of at
 * most 8, no activation or ReLU or clamp. */
bool hopper_conv2d_supports(const DeviceProperties& device, const Conv2dArguments& arguments);
/** `wide`: tiles of 128 channels, else of 64. With `splits` of the sum `partial` gets those of each, f32, one
 * split after the other, and bias, residual and activation are left to who adds them; every split must have
 * a part. */
Status hopper_conv2d(Stream& stream, const Conv2dArguments& arguments, bool wide, int splits = 1,
                     float* partial = nullptr);

}  // namespace fusor::cuda
