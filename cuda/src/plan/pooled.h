// Convolutions whose result only a max-pool reads: one kernel can do both (conv2d/pooled.h).
#pragma once

#include <cstdint>
#include <vector>

#include "fusor/backend.h"

namespace fusor::cuda {

/** By node: the index of the max-pool that can be merged into this convolution, or -1. Such a pool is
 * nobody's dilated one, and the convolution between has no residual and is neither read elsewhere nor an
 * output. Whether merging pays is another question (pays_to_pool). */
std::vector<int32_t> poolable_convolutions(const fusor_graph& graph);

}  // namespace fusor::cuda
