// A network as values and nodes, checked and copied from the C structs of a caller.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fusor/fusor.h"
#include "op/attributes_copy.h"
#include "op/infer.h"
#include "tensor/tensor.h"

namespace fusor {

struct GraphValue {
  TensorType type;
  Ref<Tensor> constant;  // null: computed or an input
};

struct GraphNode {
  int32_t op = 0;
  AttributesCopy attributes;
  std::vector<int32_t> inputs;  // value ids; -1: absent
  std::vector<int32_t> outputs;
  std::string name;
};

struct Graph {
  std::vector<GraphValue> values;
  std::vector<GraphNode> nodes;  // each after those that make its inputs
  std::vector<int32_t> inputs, outputs;
};

// Throws Error with the node's name if anything does not fit: value ids, the order of nodes, arguments of
// ops, declared shapes and dtypes, constants on another device than `device` or the host.
Graph copy_graph(const fusor_plan_graph& given, const Device& device);

}  // namespace fusor
