// What a node has to compute and move at least, for describe().
#pragma once

#include "fusor/backend.h"

namespace fusor::cuda {

struct Cost {
  int64_t flops = 0; /* of the mathematical operation: 2 per multiply-add of the direct algorithm */
  int64_t bytes = 0; /* inputs, weights and outputs once each */
};

Cost node_cost(const fusor_graph& graph, const fusor_graph_node& node);

}  // namespace fusor::cuda
