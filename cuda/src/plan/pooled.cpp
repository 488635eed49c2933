#include "plan/pooled.h"

#include "fusor/ops.h"

namespace fusor::cuda {

std::vector<int32_t> poolable_convolutions(const fusor_graph& graph) {
  struct Readers {
    int32_t count = 0, last = -1;
  };
  std::vector<Readers> readers(static_cast<size_t>(graph.value_count));
  for (int32_t i = 0; i < graph.node_count; ++i) {
    const fusor_graph_node& node = graph.nodes[i];
    for (int32_t k = 0; k < node.input_count; ++k) {
      if (node.inputs[k] < 0) continue;
      Readers& of = readers[static_cast<size_t>(node.inputs[k])];
      ++of.count;
      of.last = i;
    }
  }
  for (int32_t i = 0; i < graph.output_count; ++i) ++readers[static_cast<size_t>(graph.outputs[i])].count;

  std::vector<int32_t> pools(static_cast<size_t>(graph.node_count), -1);
  for (int32_t i = 0; i < graph.node_count; ++i) {
    const fusor_graph_node& node = graph.nodes[i];
    const bool has_residual = node.input_count > 3 && node.inputs[3] >= 0;
    if (node.op != FUSOR_OP_CONV2D || has_residual) continue;
    const Readers& of = readers[static_cast<size_t>(node.outputs[0])];
    if (of.count != 1 || of.last < 0 || graph.nodes[of.last].op != FUSOR_OP_MAX_POOL2D) continue;
    const auto& pool = *static_cast<const fusor_pool2d_attributes*>(graph.nodes[of.last].attributes);
    if (pool.dilation[0] <= 1 && pool.dilation[1] <= 1) pools[static_cast<size_t>(i)] = of.last;
  }
  return pools;
}

}  // namespace fusor::cuda
