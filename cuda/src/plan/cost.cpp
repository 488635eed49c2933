#include "plan/cost.h"

#include "backend/buffer.h"

namespace fusor::cuda {
namespace {

int64_t elements(const fusor_graph_value& value) {
  int64_t count = 1;
  for (int32_t i = 0; i < value.rank; ++i) count *= value.sizes[i];
  return count;
}

int64_t has_activation(const fusor_activation& activation) {
  return activation.kind != FUSOR_ACTIVATION_NONE ? 1 : 0;
}

}  // namespace

Cost node_cost(const fusor_graph& graph, const fusor_graph_node& node) {
  const auto input = [&](int32_t i) -> const fusor_graph_value* {
    return i < node.input_count && node.inputs[i] >= 0 ? &graph.values[node.inputs[i]] : nullptr;
  };
  Cost cost;
  for (int32_t i = 0; i < node.input_count; ++i) {
    if (const auto* value = input(i)) cost.bytes += elements(*value) * element_size(value->dtype);
  }
  for (int32_t i = 0; i < node.output_count; ++i) {
    const fusor_graph_value& value = graph.values[node.outputs[i]];
    cost.bytes += elements(value) * element_size(value.dtype);
  }
  if (node.output_count == 0) return cost;
  const int64_t results = elements(graph.values[node.outputs[0]]);
  const int64_t epilogue = (input(2) != nullptr ? 1 : 0) + (input(3) != nullptr ? 1 : 0);
  switch (node.op) {
    case FUSOR_OP_CONV2D: {
      const auto& attributes = *static_cast<const fusor_conv2d_attributes*>(node.attributes);
      const int64_t* weight = input(1)->sizes;
      cost.flops = results *
                   (2 * weight[1] * weight[2] * weight[3] + epilogue + has_activation(attributes.activation));
      break;
    }
    case FUSOR_OP_LINEAR: {
      const auto& attributes = *static_cast<const fusor_linear_attributes*>(node.attributes);
      cost.flops = results * (2 * input(1)->sizes[1] + epilogue + has_activation(attributes.activation));
      break;
    }
    case FUSOR_OP_MATMUL:
      cost.flops = results * 2 * input(0)->sizes[input(0)->rank - 1];
      break;
    case FUSOR_OP_MAX_POOL2D:
    case FUSOR_OP_AVG_POOL2D: {
      const auto& attributes = *static_cast<const fusor_pool2d_attributes*>(node.attributes);
      cost.flops = results * attributes.kernel[0] * attributes.kernel[1];
      break;
    }
    case FUSOR_OP_ADAPTIVE_AVG_POOL2D:
    case FUSOR_OP_ADAPTIVE_MAX_POOL2D:
    case FUSOR_OP_REDUCE:
    case FUSOR_OP_ARG_REDUCE:
      cost.flops = elements(*input(0));
      break;
    case FUSOR_OP_BATCH_NORM:
      cost.flops = results * 2;
      break;
    case FUSOR_OP_LAYER_NORM:
    case FUSOR_OP_RMS_NORM:
    case FUSOR_OP_GROUP_NORM:
      cost.flops = results * 7;  // mean 1, squared deviation 3, normalise 2, scale and shift 1 fused
      break;
    case FUSOR_OP_ADD_LAYER_NORM:
      cost.flops = results * 8;
      break;
    case FUSOR_OP_SOFTMAX:
      cost.flops = results * 4;  // maximum, difference, exponential, quotient
      break;
    case FUSOR_OP_RESIDUAL_ADD:
    case FUSOR_OP_UNARY:
    case FUSOR_OP_BINARY:
      cost.flops = results;
      break;
    default:
      break;  // moves data only
  }
  return cost;
}

}  // namespace fusor::cuda
