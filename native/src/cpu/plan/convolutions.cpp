#include "cpu/plan/convolutions.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "cpu/conv2d/stem_max_pool.h"
#include "cpu/op.h"
#include "cpu/plan/constants.h"
#include "cpu/plan/tune.h"

namespace fusor::cpu {
namespace {

// Why a convolution has its algorithm, where nothing was measured.
constexpr const char* kByModel = "model";

ConvolutionShape convolution_shape(const fusor_graph& graph, const fusor_graph_node& node) {
  const auto& a = *static_cast<const fusor_conv2d_attributes*>(node.attributes);
  const auto& x = graph.values[node.inputs[0]];
  const auto& weight = graph.values[node.inputs[1]];
  const auto& y = graph.values[node.outputs[0]];
  ConvolutionShape shape{};
  shape.n = x.sizes[0], shape.c = x.sizes[1], shape.h = x.sizes[2], shape.w = x.sizes[3];
  shape.k = weight.sizes[0], shape.r = weight.sizes[2], shape.s = weight.sizes[3];
  std::copy_n(a.stride, 2, shape.stride);
  std::copy_n(a.padding, 4, shape.padding);
  std::copy_n(a.dilation, 2, shape.dilation);
  shape.groups = a.groups;
  shape.p = y.sizes[2], shape.q = y.sizes[3];
  return shape;
}

bool is_empty(const fusor_graph_value& value) {
  return std::any_of(value.sizes, value.sizes + value.rank, [](int64_t size) { return size == 0; });
}

class Planner {
 public:
  Planner(const KernelSet& kernels, Pool& pool, int threads, const fusor_graph& graph,
          const fusor_plan_options& options, const std::vector<int32_t>& uses)
      : kernels_(kernels),
        pool_(pool),
        threads_(threads),
        graph_(graph),
        uses_(uses),
        measures_(options.tune == FUSOR_TUNE_MEASURE && !options.deterministic),
        tuning_(options.cache_directory) {
    options_.winograd = options.winograd != 0;
    options_.deterministic = options.deterministic != 0;
  }

  fusor_status plan(const fusor_graph_node& node, PlannedConvolution& planned) {
    if (node.op != FUSOR_OP_CONV2D) return FUSOR_OK;
    const auto& weight = graph_.values[node.inputs[1]];
    const int32_t bias_id = node.input_count > 2 ? node.inputs[2] : -1;
    // A weight or bias that the network computes cannot be packed ahead: the op level kernel packs at each
    // run.
    if (!weight.constant || (bias_id >= 0 && !graph_.values[bias_id].constant)) return FUSOR_OK;
    if (is_empty(graph_.values[node.outputs[0]]) || is_empty(graph_.values[node.inputs[0]])) return FUSOR_OK;
    const auto& attributes = *static_cast<const fusor_conv2d_attributes*>(node.attributes);
    const ConvolutionShape shape = convolution_shape(graph_, node);
    const float* weight_data = data_of<const float>(*weight.constant);
    const float* bias_data = bias_id >= 0 ? data_of<const float>(*graph_.values[bias_id].constant) : nullptr;
    const char* reason = kByModel;
    ConvolutionOptions options = options_;
    options.memory = &packed_memory_;
    if (measures_)
      options.force = tuning_.choose(kernels_, pool_, threads_, shape, weight_data, bias_data,
                                     attributes.activation, options, reason);
    const std::optional<StemMethod> stem = stem_method(shape, options);
    planned.max_pool = stem ? stem_pool(node, shape) : -1;
    if (planned.max_pool >= 0)
      planned.convolution = make_stem_max_pool(
          {kernels_, pool_, shape, weight_data, bias_data, attributes.activation, options.memory}, *stem,
          max_pool(graph_.nodes[planned.max_pool]));
    else
      planned.convolution =
          make_convolution(kernels_, pool_, shape, weight_data, bias_data, attributes.activation, options);
    if (!planned.convolution)
      return fail(FUSOR_ERROR_OUT_OF_MEMORY, "%s: no memory to pack the weight", node.name);
    planned.reason = reason;
    if (reason == kByModel) planned.reason += ": " + convolution_reason(kernels_, shape, options_);
    if (uses_[static_cast<size_t>(node.inputs[1])] == 1) release_constant(graph_, node.inputs[1]);
    return FUSOR_OK;
  }

 private:
  MaxPool max_pool(const fusor_graph_node& node) const {
    const auto& output = graph_.values[node.outputs[0]];
    return {*static_cast<const fusor_pool2d_attributes*>(node.attributes), output.sizes[2], output.sizes[3]};
  }

  // How the stem is computed, if the convolution is one.
  std::optional<StemMethod> stem_method(const ConvolutionShape& shape,
                                        const ConvolutionOptions& options) const {
    const char* best = options.force;
    if (!best && convolution_candidates(kernels_, shape, options, &best, 1) == 0) return {};
    if (std::strcmp(best, "stem") == 0) return StemMethod::Sums;
    if (std::strcmp(best, "winograd stem") == 0) return StemMethod::Winograd;
    return {};
  }

  // The max-pool that alone reads a stem's result, and can take it row by row; -1: none.
  int32_t stem_pool(const fusor_graph_node& node, const ConvolutionShape& shape) const {
    const int32_t value = node.outputs[0];
    const bool has_residual = node.input_count > 3 && node.inputs[3] >= 0;
    if (has_residual || uses_[static_cast<size_t>(value)] != 1) return -1;
    for (int32_t i = 0; i < graph_.node_count; ++i) {
      const fusor_graph_node& reader = graph_.nodes[i];
      if (reader.op != FUSOR_OP_MAX_POOL2D || reader.inputs[0] != value) continue;
      const MaxPool pooling = max_pool(reader);
      const bool dilated = pooling.attributes.dilation[0] > 1 || pooling.attributes.dilation[1] > 1;
      return !dilated && pooling.p * pooling.q > 0 && stem_max_pool_fits(kernels_, shape, pooling) ? i : -1;
    }
    return -1;
  }

  const KernelSet& kernels_;
  Pool& pool_;
  const int threads_;
  const fusor_graph& graph_;
  const std::vector<int32_t>& uses_;
  const bool measures_;
  ConvolutionOptions options_;
  Tuning tuning_;
  PackedMemory packed_memory_;
};

}  // namespace

fusor_status plan_convolutions(const KernelSet& kernels, Pool& pool, int threads, const fusor_graph& graph,
                               const fusor_plan_options& options, const std::vector<int32_t>& uses,
                               std::vector<PlannedConvolution>& planned) {
  planned.resize(static_cast<size_t>(graph.node_count));
  Planner planner(kernels, pool, threads, graph, options, uses);
  for (int32_t i = 0; i < graph.node_count; ++i)
    if (fusor_status status = planner.plan(graph.nodes[i], planned[static_cast<size_t>(i)])) return status;
  return FUSOR_OK;
}

}  // namespace fusor::cpu
