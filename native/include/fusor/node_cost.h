/* What a node of a graph costs in the mathematical sense, for the steps that a plan describes and for
 * rooflines: floating-point operations of the direct algorithm (a multiply-add is two), and the least bytes
 * to be moved: inputs, weights and outputs once each. The same for every backend, so that their figures can
 * be compared. */
#ifndef FUSOR_NODE_COST_H
#define FUSOR_NODE_COST_H

#include "fusor/backend.h"
#include "fusor/ops.h"

typedef struct fusor_node_cost {
  int64_t flops;
  int64_t bytes;
} fusor_node_cost;

static inline int64_t fusor_value_elements(const fusor_graph_value* value) {
  int64_t count = 1;
  for (int32_t i = 0; i < value->rank; ++i) count *= value->sizes[i];
  return count;
}

static inline int64_t fusor_value_bytes(const fusor_graph_value* value) {
  static const int64_t sizes[FUSOR_DTYPE_COUNT] = {4, 2, 2, 4, 8, 1};
  return fusor_value_elements(value) * sizes[value->dtype];
}

/* NULL if the node has no such input. */
static inline const fusor_graph_value* fusor_node_input(const fusor_graph* graph,
                                                        const fusor_graph_node* node, int32_t index) {
  return index < node->input_count && node->inputs[index] >= 0 ? &graph->values[node->inputs[index]] : NULL;
}

/* Operations per result behind a product: one for each of bias, residual and activation. */
static inline int64_t fusor_epilogue_flops(const fusor_graph* graph, const fusor_graph_node* node,
                                           const fusor_activation* activation) {
  return (fusor_node_input(graph, node, 2) != NULL) + (fusor_node_input(graph, node, 3) != NULL) +
         (activation->kind != FUSOR_ACTIVATION_NONE);
}

static inline fusor_node_cost fusor_cost_of_node(const fusor_graph* graph, const fusor_graph_node* node) {
  fusor_node_cost cost = {0, 0};
  for (int32_t i = 0; i < node->input_count; ++i) {
    const fusor_graph_value* value = fusor_node_input(graph, node, i);
    if (value != NULL) cost.bytes += fusor_value_bytes(value);
  }
  for (int32_t i = 0; i < node->output_count; ++i) {
    cost.bytes += fusor_value_bytes(&graph->values[node->outputs[i]]);
  }
  if (node->output_count == 0) return cost;
  const int64_t results = fusor_value_elements(&graph->values[node->outputs[0]]);
  switch (node->op) {
    case FUSOR_OP_CONV2D: {
      const fusor_conv2d_attributes* attributes = (const fusor_conv2d_attributes*)node->attributes;
      const int64_t* weight = fusor_node_input(graph, node, 1)->sizes;
      cost.flops = results * (2 * weight[1] * weight[2] * weight[3] +
                              fusor_epilogue_flops(graph, node, &attributes->activation));
      break;
    }
    case FUSOR_OP_LINEAR: {
      const fusor_linear_attributes* attributes = (const fusor_linear_attributes*)node->attributes;
      cost.flops = results * (2 * fusor_node_input(graph, node, 1)->sizes[1] +
                              fusor_epilogue_flops(graph, node, &attributes->activation));
      break;
    }
    case FUSOR_OP_MATMUL: {
      const fusor_graph_value* a = fusor_node_input(graph, node, 0);
      cost.flops = results * 2 * a->sizes[a->rank - 1];
      break;
    }
    case FUSOR_OP_MAX_POOL2D:
    case FUSOR_OP_AVG_POOL2D: {
      const fusor_pool2d_attributes* attributes = (const fusor_pool2d_attributes*)node->attributes;
      cost.flops = results * attributes->kernel[0] * attributes->kernel[1];
      break;
    }
    case FUSOR_OP_ADAPTIVE_AVG_POOL2D:
    case FUSOR_OP_ADAPTIVE_MAX_POOL2D:
    case FUSOR_OP_REDUCE:
    case FUSOR_OP_ARG_REDUCE:
      cost.flops = fusor_value_elements(fusor_node_input(graph, node, 0));
      break;
    case FUSOR_OP_BATCH_NORM:
      cost.flops = results * 2;
      break;
    case FUSOR_OP_LAYER_NORM:
    case FUSOR_OP_RMS_NORM:
    case FUSOR_OP_GROUP_NORM:
      cost.flops = results * 7; /* mean 1, squared deviation 3, normalise 2, scale and shift 1 fused */
      break;
    case FUSOR_OP_ADD_LAYER_NORM:
      cost.flops = results * 8;
      break;
    case FUSOR_OP_SOFTMAX:
      cost.flops = results * 4; /* maximum, difference, exponential, quotient */
      break;
    case FUSOR_OP_RESIDUAL_ADD:
    case FUSOR_OP_UNARY:
    case FUSOR_OP_BINARY:
      cost.flops = results;
      break;
    default:
      break; /* moves data only */
  }
  return cost;
}

#endif
