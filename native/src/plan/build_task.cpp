#include <algorithm>

#include "plan/tasks.h"
#include "stream/move_tasks.h"
#include "tensor/dtype.h"

namespace fusor {
namespace {

// The C structs of a graph for the backend, and what they point to.
class BackendGraph {
 public:
  // Lets go of `graph`'s constants when the backend does.
  BackendGraph(Stream& stream, Graph& graph) : engine_graph_(graph) {
    constants_.resize(graph.values.size());
    copies_.resize(graph.values.size());
    for (size_t i = 0; i < graph.values.size(); ++i) add_value(stream, graph.values[i], i);
    for (const GraphNode& node : graph.nodes) add_node(node);
    graph_.struct_size = sizeof graph_;
    graph_.values = values_.data();
    graph_.value_count = static_cast<int32_t>(values_.size());
    graph_.nodes = nodes_.data();
    graph_.node_count = static_cast<int32_t>(nodes_.size());
    graph_.inputs = graph.inputs.data();
    graph_.input_count = static_cast<int32_t>(graph.inputs.size());
    graph_.outputs = graph.outputs.data();
    graph_.output_count = static_cast<int32_t>(graph.outputs.size());
    graph_.release_constant = [](void* self, int32_t value) {
      static_cast<BackendGraph*>(self)->release(static_cast<size_t>(value));
    };
    graph_.release_context = this;
  }
  BackendGraph(const BackendGraph&) = delete;
  BackendGraph& operator=(const BackendGraph&) = delete;
  const fusor_graph* get() const { return &graph_; }

 private:
  void release(size_t value) {
    constants_[value].buffer.data = nullptr;
    constants_[value].memory = nullptr;
    copies_[value] = HostBytes();
    engine_graph_.values[value].constant = nullptr;
  }

  void add_value(Stream& stream, const GraphValue& from, size_t index) {
    fusor_graph_value value{};
    value.struct_size = sizeof value;
    value.dtype = from.type.dtype;
    value.rank = from.type.shape.rank();
    std::fill_n(value.sizes, FUSOR_MAX_RANK, 1);
    std::copy(from.type.shape.sizes().begin(), from.type.shape.sizes().end(), value.sizes);
    if (from.constant) {
      if (from.constant->device().host && from.constant->view().is_contiguous()) {
        constants_[index] = strided_operand(stream, *from.constant);
      } else if (from.constant->device().host) {
        const Tensor& constant = *from.constant;
        copies_[index] = HostBytes(constant.shape().elements() * dtype_size(constant.dtype()));
        copy_row_major(stream, constant, copies_[index].data());
        constants_[index].buffer = contiguous_buffer(from.type.dtype, from.type.shape, copies_[index].data(),
                                                     copies_[index].count());
      } else {
        copies_[index] = read_to_host(stream, *from.constant);
        constants_[index].buffer = contiguous_buffer(from.type.dtype, from.type.shape, copies_[index].data(),
                                                     copies_[index].count());
      }
      value.constant = &constants_[index].buffer;
    }
    values_.push_back(value);
  }

  void add_node(const GraphNode& from) {
    fusor_graph_node node{};
    node.struct_size = sizeof node;
    node.op = from.op;
    node.attributes = from.attributes.get();
    node.inputs = from.inputs.data();
    node.input_count = static_cast<int32_t>(from.inputs.size());
    node.outputs = from.outputs.data();
    node.output_count = static_cast<int32_t>(from.outputs.size());
    node.name = from.name.c_str();
    nodes_.push_back(node);
  }

  Graph& engine_graph_;
  std::vector<Operand> constants_;
  std::vector<HostBytes> copies_;
  std::vector<fusor_graph_value> values_;
  std::vector<fusor_graph_node> nodes_;
  fusor_graph graph_{};
};

}  // namespace

BuildTask::BuildTask(const Stream& stream, Graph graph, const fusor_plan_options& options,
                     fusor_plan_callback callback, void* user_data)
    : graph_(std::move(graph)),
      cache_directory_(options.cache_directory ? options.cache_directory : ""),
      options_(options),
      callback_(callback),
      user_data_(user_data) {
  options_.cache_directory = cache_directory_.c_str();
  for (const GraphValue& value : graph_.values) {
    if (value.constant) dependencies_.add(stream, value.constant->storage());
  }
}

Ref<Plan> BuildTask::build(Stream& stream) {
  dependencies_.wait(stream);
  for (const GraphValue& value : graph_.values) {
    if (value.constant) require_ready(value.constant->storage());
  }
  const fusor_backend& backend = *stream.device().backend;
  const BackendGraph graph(stream, graph_);
  fusor_backend_plan* built = nullptr;
  stream.check(backend.plan_build(stream.backend_stream(), graph.get(), &options_, &built));
  return make_ref<Plan>(stream.device(), graph_, BackendPlan(built, BackendPlanDeleter{&backend}));
}

void BuildTask::run(Stream& stream) {
  Ref<Plan> plan = build(stream);
  graph_ = Graph();  // the weights are packed: whoever is called may find them released
  callback_(user_data_, FUSOR_OK, "", plan.detach());
}

void BuildTask::fail(Stream&, const Ref<Failure>& failure) {
  graph_ = Graph();
  callback_(user_data_, failure->status(), failure->message().c_str(), nullptr);
}

}  // namespace fusor
