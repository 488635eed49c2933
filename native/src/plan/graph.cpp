#include "plan/graph.h"

#include "tensor/arguments.h"
#include "tensor/dtype.h"

namespace fusor {
namespace {

std::vector<int32_t> copy_ids(const int32_t* ids, int32_t count, const char* name) {
  require_list(ids, count, name);
  return std::vector<int32_t>(ids, ids + count);
}

class Copier {
 public:
  Copier(const fusor_plan_graph& given, const Device& device) : given_(given), device_(device) {}

  Graph copy() {
    copy_values();
    graph_.inputs = copy_ids(given_.inputs, given_.input_count, "graph inputs");
    for (const int32_t id : graph_.inputs) {
      require_id(id, "an input");
      if (known_[at(id)])
        fail(FUSOR_ERROR_ARGUMENT, "graph: input value ", id, " is a constant or listed twice");
      known_[at(id)] = true;
    }
    copy_nodes();
    graph_.outputs = copy_ids(given_.outputs, given_.output_count, "graph outputs");
    for (const int32_t id : graph_.outputs) {
      require_id(id, "an output");
      if (!known_[at(id)]) fail(FUSOR_ERROR_ARGUMENT, "graph: no node gives output value ", id);
    }
    return std::move(graph_);
  }

 private:
  static size_t at(int32_t id) { return static_cast<size_t>(id); }

  void require_id(int32_t id, const char* what) const {
    if (id >= 0 && at(id) < graph_.values.size()) return;
    fail(FUSOR_ERROR_ARGUMENT, "graph: ", what, " is value ", id, ", but values are 0 to ",
         static_cast<int64_t>(graph_.values.size()) - 1);
  }

  void copy_values() {
    require_list(given_.values, given_.value_count, "graph values");
    for (int32_t i = 0; i < given_.value_count; ++i) {
      const fusor_plan_value& value = known_struct(&struct_at(given_.values, i), "fusor_plan_value");
      if (!is_dtype(value.dtype))
        fail(FUSOR_ERROR_DTYPE, "graph: value ", i, " has dtype ", value.dtype, ", which is none");
      if (value.rank < 0 || value.rank > FUSOR_MAX_RANK) {
        fail(FUSOR_ERROR_SHAPE, "graph: value ", i, " has ", value.rank,
             " dimensions, but tensors have at most ", FUSOR_MAX_RANK);
      }
      const TensorType type{value.dtype, Shape(std::span(value.sizes, static_cast<size_t>(value.rank)))};
      if (!shape_fits(type.shape, dtype_size(type.dtype))) {
        fail(FUSOR_ERROR_SHAPE, "graph: value ", i, " cannot have shape ", type.shape);
      }
      check_constant(i, type, value.constant);
      graph_.values.push_back({type, Ref<Tensor>::share(value.constant)});
      known_.push_back(value.constant != nullptr);
    }
  }

  void check_constant(int32_t id, const TensorType& type, const Tensor* constant) const {
    if (constant == nullptr) return;
    const TensorType found{constant->dtype(), constant->shape()};
    if (!(found == type)) {
      fail(FUSOR_ERROR_SHAPE, "graph: value ", id, " is declared ", type_text(type), " but its constant is ",
           type_text(found));
    }
    // The host's are read from where they are.
    if (&constant->device() != &device_ && !constant->device().host) {
      fail(FUSOR_ERROR_DEVICE, "graph: the constant of value ", id, " is on ", constant->device().id,
           " but the plan is for ", device_.id);
    }
  }

  void copy_nodes() {
    require_list(given_.nodes, given_.node_count, "graph nodes");
    for (int32_t i = 0; i < given_.node_count; ++i) {
      const fusor_plan_node& node = known_struct(&struct_at(given_.nodes, i), "fusor_plan_node");
      const std::string name = node.name != nullptr ? node.name : text("node ", i);
      try {
        copy_node(node, name);
      } catch (const Error& error) {
        throw Error(error.failure->status(), text(error.failure->message(), " (at ", name, ")"));
      }
    }
  }

  void copy_node(const fusor_plan_node& given, const std::string& name) {
    GraphNode node;
    node.op = given.op;
    node.name = name;
    node.inputs = copy_ids(given.inputs, given.input_count, "the inputs of a node");
    node.outputs = copy_ids(given.outputs, given.output_count, "the outputs of a node");
    std::vector<const TensorType*> types;
    for (const int32_t id : node.inputs) {
      if (id == -1) {
        types.push_back(nullptr);
        continue;
      }
      require_id(id, "an input of a node");
      if (!known_[at(id)]) fail(FUSOR_ERROR_ARGUMENT, "graph: value ", id, " is used before a node gives it");
      types.push_back(&graph_.values[at(id)].type);
    }
    const auto results = infer(given.op, given.attributes, types);
    if (given.op == FUSOR_OP_ASSIGN) fail(FUSOR_ERROR_UNSUPPORTED, "graph: a plan cannot assign");
    const int32_t expected = op_definition(given.op)->schema.outputs;
    if (given.output_count != expected) {
      fail(FUSOR_ERROR_ARGUMENT, "graph: ", op_name(given.op, given.attributes), " gives ", expected,
           " outputs, not ", given.output_count);
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) define(node.outputs[i], results[i]);
    node.attributes = AttributesCopy(given.op, given.attributes);
    graph_.nodes.push_back(std::move(node));
  }

  void define(int32_t id, const TensorType& type) {
    require_id(id, "an output of a node");
    if (known_[at(id)]) fail(FUSOR_ERROR_ARGUMENT, "graph: value ", id, " is given twice");
    if (!(graph_.values[at(id)].type == type)) {
      fail(FUSOR_ERROR_SHAPE, "graph: value ", id, " is declared ", type_text(graph_.values[at(id)].type),
           " but its node gives ", type_text(type));
    }
    known_[at(id)] = true;
  }

  const fusor_plan_graph& given_;
  const Device& device_;
  Graph graph_;
  std::vector<bool> known_;  // per value: a constant, an input, or given by a node seen so far
};

}  // namespace

Graph copy_graph(const fusor_plan_graph& given, const Device& device) {
  return Copier(given, device).copy();
}

}  // namespace fusor
