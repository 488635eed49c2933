// A network's stem with the max-pool behind it: the convolution's result stays in a core's cache.
#pragma once

#include <memory>

#include "cpu/conv2d/stem.h"

namespace fusor::cpu {

struct MaxPool {
  fusor_pool2d_attributes attributes;
  int64_t p, q;  // its output's height and width
};

// Whether the stem's kernel can do the shape, and the rows that a thread keeps fit a part of its cache.
bool stem_max_pool_fits(const KernelSet& kernels, const ConvolutionShape& shape, const MaxPool& pooling);

// activation(conv + bias), pooled: the arguments' output is the pooled one, and there is no residual. Null
// without memory.
std::unique_ptr<Convolution> make_stem_max_pool(const ConvolutionRequest& request, StemMethod method,
                                                const MaxPool& pooling);

}  // namespace fusor::cpu
