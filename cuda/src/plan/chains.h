// Finds chains of convolutions that one launch can compute (conv2d/chain.h): a 3x3 convolution whose result
// only a 1x1 convolution with a residual uses, and after it, if there is one, another 1x1 convolution of its
// result.
#pragma once

#include <string>
#include <vector>

#include "conv2d/chain.h"
#include "fusor/backend.h"

namespace fusor::cuda {

struct Chain {
  int32_t first = -1, second = -1, third = -1; /* nodes of the graph; third: -1 in a chain of two */
  ChainArguments arguments;                    /* without addresses */
  ChainChoice choice;
  bool taken = false;
  std::string reason; /* for describe(): why it is or is not */
};

/** In the order of their nodes; none shares a node with another. `mode` is fusor_plan_options.chains. */
std::vector<Chain> find_chains(const DeviceProperties& device, const fusor_graph& graph, int32_t mode);

}  // namespace fusor::cuda
