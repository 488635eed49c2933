// What a node costs in the mathematical sense, for describe() and the roofline: floating-point operations (a
// multiply-add is two) and the least bytes it must move.
#pragma once

#include "fusor/backend.h"

namespace fusor::cpu {

struct Cost {
  int64_t flops = 0, bytes = 0;
};

Cost node_cost(const fusor_graph& graph, const fusor_graph_node& node);

}  // namespace fusor::cpu
