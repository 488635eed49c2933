#include "plan/builder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "backend/eager.h"
#include "backend/forms.h"
#include "conv2d/conv2d_op.h"
#include "copy/copy.h"
#include "fusor/node_cost.h"
#include "fusor/op_names.h"
#include "plan/chain_step.h"
#include "plan/pooled.h"

namespace fusor::cuda {
namespace {

// Of the plan's buffers: what TMA and the widest vector accesses want, and whole sectors of the L2 cache.
constexpr int64_t kAlignment = 256;

fusor_buffer row_major_buffer(const fusor_graph_value& value) {
  fusor_buffer buffer{};
  buffer.struct_size = sizeof buffer;
  buffer.dtype = value.dtype;
  buffer.rank = value.rank;
  // Past the rank, sizes are 1 (see op_table.h).
  std::fill_n(buffer.sizes, FUSOR_MAX_RANK, 1);
  std::copy_n(value.sizes, value.rank, buffer.sizes);
  set_row_major(buffer);
  return buffer;
}

bool is_view(int32_t op) {
  return op == FUSOR_OP_RESHAPE || op == FUSOR_OP_PERMUTE || op == FUSOR_OP_SLICE || op == FUSOR_OP_EXPAND;
}

// A value in the orders of dimensions in which it exists so far; the first is the one it was made in.
struct Value {
  std::vector<Operand> forms;
  int32_t output = -1;  // the first graph output that is this value
};

class Builder {
 public:
  Builder(Device& device, const fusor_graph& graph, const OpOptions& options, int32_t chains,
          PlanContents& contents)
      : device_(device),
        graph_(graph),
        options_(options),
        contents_(contents),
        values_(static_cast<size_t>(graph.value_count)),
        pools_(poolable_convolutions(graph)),
        merged_(static_cast<size_t>(graph.node_count), false),
        chains_(find_chains(device.properties(), graph, chains)) {}

  Status build() {
    for (int32_t i = 0; i < graph_.input_count; ++i) {
      const int32_t id = graph_.inputs[i];
      value(id).forms.push_back({Operand::Place::kInput, i, row_major_buffer(graph_.values[id])});
    }
    for (int32_t i = 0; i < graph_.output_count; ++i) {
      Value& output = value(graph_.outputs[i]);
      if (output.output < 0) output.output = i;
    }
    for (int32_t i = 0; i < graph_.node_count; ++i) {
      const fusor_graph_node& node = graph_.nodes[i];
      if (merged_[static_cast<size_t>(i)]) continue;
      const Chain* const chain = taken_chain(i);
      if (chain != nullptr && i != chain->second)
        continue;  // computed where the second is, whose residual is late
      const Status status = chain != nullptr   ? lower_chain(*chain)
                            : is_view(node.op) ? lower_view(node)
                                               : lower_node(i);
      if (!status.ok()) return {status.code(), std::string(node.name) + ": " + status.message()};
    }
    FUSOR_RETURN_IF_ERROR(deliver_outputs());
    set_lifetimes();
    return {};
  }

 private:
  Value& value(int32_t id) { return values_[static_cast<size_t>(id)]; }

  // ---- forms of values
  // ---------------------------------------------------------------------------------------------

  /** The value as a reader with this form takes it. */
  Status need(int32_t id, InputForm form, Operand* operand) {
    FUSOR_RETURN_IF_ERROR(require_made(id, form));
    for (const Operand& known : value(id).forms) {
      if (!has_form(known.geometry, form) || (form != InputForm::kAnyStrides && !is_aligned(known.geometry)))
        continue;
      *operand = known;
      return {};
    }
    if (graph_.values[id].constant != nullptr) {
      FUSOR_RETURN_IF_ERROR(add_constant(id, form));
    } else {
      const Operand source = value(id).forms.front();
      const Operand copy = new_buffer(copy_in_form(source.geometry, form));
      add_copy(is_channels_last(copy.geometry) ? "to channels last" : "to row-major", source, copy);
      value(id).forms.push_back(copy);
    }
    *operand = value(id).forms.back();
    return {};
  }

  /** Constants come to the device when somebody reads them, in the first reader's form. */
  Status require_made(int32_t id, InputForm form) {
    if (!value(id).forms.empty()) return {};
    if (graph_.values[id].constant == nullptr) {
      return {FUSOR_ERROR_INTERNAL, "value " + std::to_string(id) + " is used before it is made"};
    }
    return add_constant(id, form);
  }

  Status add_constant(int32_t id, InputForm form) {
    const fusor_buffer& host = *graph_.values[id].constant;
    fusor_buffer row_major = row_major_buffer(graph_.values[id]);
    fusor_buffer geometry = has_form(row_major, form) ? row_major : copy_in_form(row_major, form);
    DeviceMemory memory(device_);
    FUSOR_RETURN_IF_ERROR(memory.allocate(geometry.byte_size));
    const auto* bytes = static_cast<const char*>(host.data) + host.byte_offset;
    if (has_form(row_major, form)) {
      FUSOR_RETURN_IF_ERROR(device_.copy_to_device(memory.data(), bytes, row_major.byte_size));
    } else {
      DeviceMemory uploaded(device_);
      FUSOR_RETURN_IF_ERROR(uploaded.allocate(row_major.byte_size));
      FUSOR_RETURN_IF_ERROR(device_.copy_to_device(uploaded.data(), bytes, row_major.byte_size));
      row_major.data = uploaded.data();
      fusor_buffer target = geometry;
      target.data = memory.data();
      FUSOR_RETURN_IF_ERROR(device_.check(copy_elements(device_.compute(), row_major, target)));
      device_.issued("packing a weight");
    }
    value(id).forms.push_back(
        {Operand::Place::kConstant, static_cast<int32_t>(contents_.constants.size()), geometry});
    contents_.constants.push_back(std::move(memory));
    return {};
  }

  Operand new_buffer(const fusor_buffer& geometry) {
    fusor_plan_buffer buffer{};
    buffer.struct_size = sizeof buffer;
    buffer.bytes = geometry.byte_size;
    buffer.alignment = kAlignment;
    buffer.first_step = -1;
    contents_.buffers.push_back(buffer);
    return {Operand::Place::kBuffer, static_cast<int32_t>(contents_.buffers.size()) - 1, geometry};
  }

  /** Where a node writes a value: the caller's memory if it is a graph output and lies as outputs do. */
  Operand new_result(int32_t id, const fusor_buffer& geometry) {
    const int32_t output = value(id).output;
    if (output >= 0 && is_row_major(geometry)) return {Operand::Place::kOutput, output, geometry};
    return new_buffer(geometry);
  }

  void add_copy(const char* what, const Operand& source, const Operand& destination) {
    auto step = std::make_unique<CopyStep>(source, destination);
    const int64_t bytes = element_count(source.geometry) * element_size(source.geometry.dtype);
    step->description = {what, "copy", "", 0, 2 * bytes};
    contents_.steps.push_back(std::move(step));
  }

  // ---- nodes
  // -------------------------------------------------------------------------------------------------------

  Status lower_node(int32_t index) {
    const fusor_graph_node& node = graph_.nodes[index];
    const OpEntry* entry = find_op(node.op);
    if (entry == nullptr) {
      return {FUSOR_ERROR_UNSUPPORTED, std::string("GPUs have no kernel for ") + fusor_op_names[node.op]};
    }
    if (const int32_t pool = pools_[static_cast<size_t>(index)]; pool >= 0) {
      if (const OpEntry* const pooled = lower_pooled(node, pool); pooled != nullptr) {
        return lower_op(*pooled, node, std::string(node.name) + " + " + graph_.nodes[pool].name, &pooled_,
                        graph_.nodes[pool].outputs, pooled_cost(node, pool));
      }
    }
    return lower_op(*entry, node, node.name, node.attributes, node.outputs,
                    fusor_cost_of_node(&graph_, &node));
  }

  /** The step that this convolution and the pool behind it become, the pool then being done with; or null. */
  const OpEntry* lower_pooled(const fusor_graph_node& node, int32_t pool) {
    pooled_.struct_size = sizeof pooled_;
    pooled_.conv = *static_cast<const fusor_conv2d_attributes*>(node.attributes);
    pooled_.pool = *static_cast<const fusor_pool2d_attributes*>(graph_.nodes[pool].attributes);
    std::vector<fusor_buffer> buffers(static_cast<size_t>(node.input_count));
    std::vector<const fusor_buffer*> inputs(buffers.size(), nullptr);
    for (size_t k = 0; k < buffers.size(); ++k) {
      if (node.inputs[k] < 0) continue;
      buffers[k] = row_major_buffer(graph_.values[node.inputs[k]]);
      inputs[k] = &buffers[k];
    }
    fusor_buffer output = row_major_buffer(graph_.values[graph_.nodes[pool].outputs[0]]);
    fusor_buffer* outputs[] = {&output};
    fusor_op_call call{};
    call.struct_size = sizeof call;
    call.op = node.op;
    call.attributes = &pooled_;
    call.inputs = inputs.data();
    call.input_count = node.input_count;
    call.outputs = outputs;
    call.output_count = 1;
    if (!pays_to_pool(device_.properties(), call, options_)) return nullptr;
    merged_[static_cast<size_t>(pool)] = true;
    return &pooled_conv2d_entry(device_.properties(), call, options_);
  }

  /** What both do, less the bytes of what lies between: once written, once read. */
  fusor_node_cost pooled_cost(const fusor_graph_node& node, int32_t pool) {
    const fusor_node_cost first = fusor_cost_of_node(&graph_, &node),
                          second = fusor_cost_of_node(&graph_, &graph_.nodes[pool]);
    return {first.flops + second.flops,
            first.bytes + second.bytes - 2 * fusor_value_bytes(&graph_.values[node.outputs[0]])};
  }

  /** A step of `entry` with the node's inputs, for the values `made`. */
  Status lower_op(const OpEntry& entry, const fusor_graph_node& node, std::string name,
                  const void* attributes, const int32_t* made, const fusor_node_cost& cost) {
    std::vector<Operand> arguments(static_cast<size_t>(node.input_count));
    std::vector<const fusor_buffer*> inputs(arguments.size(), nullptr);
    for (size_t k = 0; k < arguments.size(); ++k) {
      if (node.inputs[k] < 0) continue;
      FUSOR_RETURN_IF_ERROR(need(node.inputs[k], entry.inputs, &arguments[k]));
      inputs[k] = &arguments[k].geometry;
    }
    std::vector<fusor_buffer> results(static_cast<size_t>(node.output_count));
    std::vector<fusor_buffer*> outputs;
    for (size_t k = 0; k < results.size(); ++k) {
      results[k] = row_major_buffer(graph_.values[made[k]]);
      outputs.push_back(&results[k]);
    }
    fusor_op_call call{};
    call.struct_size = sizeof call;
    call.op = node.op;
    call.attributes = attributes;
    call.inputs = inputs.data();
    call.input_count = node.input_count;
    call.outputs = outputs.data();
    call.output_count = node.output_count;
    FUSOR_RETURN_IF_ERROR(prepare(entry, call));

    std::vector<Operand> targets;
    for (size_t k = 0; k < results.size(); ++k) {
      targets.push_back(new_result(made[k], results[k]));
      value(made[k]).forms.push_back(targets.back());
    }
    auto step = std::make_unique<OpStep>(entry, attributes, std::move(arguments), std::move(targets));
    step->description = {
        std::move(name), fusor_op_names[node.op],
        entry.algorithm != nullptr ? entry.algorithm(device_.properties(), call, options_) : "", cost.flops,
        cost.bytes};
    for (const Chain& chain : chains_) {
      if (!chain.taken && &node == graph_.nodes + chain.first)
        step->description.algorithm += "; no " + chain.reason;
    }
    contents_.steps.push_back(std::move(step));
    return {};
  }

  /** The chain that computes this node, if one does. */
  const Chain* taken_chain(int32_t node) const {
    for (const Chain& chain : chains_) {
      if (chain.taken && (node == chain.first || node == chain.second || node == chain.third)) return &chain;
    }
    return nullptr;
  }

  /** Convolutions in one launch: see chains.h. */
  Status lower_chain(const Chain& chain) {
    const fusor_graph_node *first = graph_.nodes + chain.first, *second = graph_.nodes + chain.second,
                           *third = chain.third < 0 ? nullptr : graph_.nodes + chain.third;
    ChainOperands operands;
    const auto input = [&](const fusor_graph_node* node, int32_t index, Operand* operand) -> Status {
      if (node == nullptr || index >= node->input_count || node->inputs[index] < 0) return {};
      return need(node->inputs[index], InputForm::kChannelsLast, operand);
    };
    FUSOR_RETURN_IF_ERROR(input(first, 0, &operands.x));
    FUSOR_RETURN_IF_ERROR(input(first, 1, &operands.weight1));
    FUSOR_RETURN_IF_ERROR(input(first, 2, &operands.bias1));
    FUSOR_RETURN_IF_ERROR(input(second, 1, &operands.weight2));
    FUSOR_RETURN_IF_ERROR(input(second, 2, &operands.bias2));
    FUSOR_RETURN_IF_ERROR(input(second, 3, &operands.residual));
    FUSOR_RETURN_IF_ERROR(input(third, 1, &operands.weight3));
    FUSOR_RETURN_IF_ERROR(input(third, 2, &operands.bias3));
    const auto result = [&](const fusor_graph_node& node) {
      fusor_buffer geometry = row_major_buffer(graph_.values[node.outputs[0]]);
      set_channels_last(geometry);
      const Operand target = new_result(node.outputs[0], geometry);
      value(node.outputs[0]).forms.push_back(target);
      return target;
    };
    operands.y = result(*second);
    if (third != nullptr) operands.z = result(*third);

    auto step = std::make_unique<ChainStep>(chain, operands);
    step->description = {std::string(first->name) + ", " + second->name, "conv2d chain", chain.reason, 0, 0};
    if (third != nullptr) step->description.name += std::string(", ") + third->name;
    for (const fusor_graph_node* node : {first, second, third}) {
      if (node == nullptr) continue;
      const fusor_node_cost cost = fusor_cost_of_node(&graph_, node);
      step->description.flops += cost.flops;
      step->description.bytes += cost.bytes;
    }
    // What stays on the chip: the first's result is not written nor read, the second's is not read.
    const ChainArguments& a = chain.arguments;
    const int64_t kept = 2 * int64_t{a.k1} + (third != nullptr ? a.k2 : 0);
    step->description.bytes -= a.n * a.h * a.w * kept * element_size(a.dtype);
    contents_.steps.push_back(std::move(step));
    return {};
  }

  /** Views are other strides on the same memory. Only a row-major value can take any shape. */
  Status lower_view(const fusor_graph_node& node) {
    Operand source;
    FUSOR_RETURN_IF_ERROR(need(node.inputs[0],
                               node.op == FUSOR_OP_RESHAPE ? InputForm::kRowMajor : InputForm::kAnyStrides,
                               &source));
    Operand view = source;
    const fusor_buffer& from = source.geometry;
    fusor_buffer& to = view.geometry;
    const fusor_graph_value& target = graph_.values[node.outputs[0]];
    switch (node.op) {
      case FUSOR_OP_RESHAPE:
        to = row_major_buffer(target);
        to.byte_offset = from.byte_offset;
        to.byte_size = from.byte_size;
        break;
      case FUSOR_OP_PERMUTE: {
        const auto& attributes = *static_cast<const fusor_permute_attributes*>(node.attributes);
        for (int32_t i = 0; i < to.rank; ++i) {
          to.sizes[i] = from.sizes[attributes.order[i]];
          to.strides[i] = from.strides[attributes.order[i]];
        }
        break;
      }
      case FUSOR_OP_SLICE: {
        const auto& attributes = *static_cast<const fusor_slice_attributes*>(node.attributes);
        for (int32_t i = 0; i < to.rank; ++i) {
          to.byte_offset += attributes.start[i] * from.strides[i] * element_size(to.dtype);
          to.sizes[i] = target.sizes[i];
          to.strides[i] *= attributes.step[i];
        }
        break;
      }
      default: {  // FUSOR_OP_EXPAND: new dimensions in front, size-1 dimensions with stride 0
        const int32_t added = target.rank - from.rank;
        to.rank = target.rank;
        for (int32_t i = 0; i < target.rank; ++i) {
          const bool repeated = i < added || from.sizes[i - added] != target.sizes[i];
          to.sizes[i] = target.sizes[i];
          to.strides[i] = repeated ? 0 : from.strides[i - added];
        }
        break;
      }
    }
    value(node.outputs[0]).forms.push_back(view);
    return {};
  }

  // ---- the end
  // -----------------------------------------------------------------------------------------------------

  Status deliver_outputs() {
    for (int32_t i = 0; i < graph_.output_count; ++i) {
      const int32_t id = graph_.outputs[i];
      FUSOR_RETURN_IF_ERROR(require_made(id, InputForm::kRowMajor));
      const Operand& source = value(id).forms.front();
      const bool in_place = source.place == Operand::Place::kOutput && source.index == i;
      if (in_place) continue;
      add_copy("output", source, {Operand::Place::kOutput, i, row_major_buffer(graph_.values[id])});
    }
    return {};
  }

  void set_lifetimes() {
    for (size_t s = 0; s < contents_.steps.size(); ++s) {
      const auto touch = [&](const Operand& operand) {
        if (operand.place != Operand::Place::kBuffer) return;
        fusor_plan_buffer& buffer = contents_.buffers[static_cast<size_t>(operand.index)];
        if (buffer.first_step < 0) buffer.first_step = static_cast<int32_t>(s);
        buffer.last_step = static_cast<int32_t>(s);
      };
      for (const Operand& operand : contents_.steps[s]->reads) touch(operand);
      for (const Operand& operand : contents_.steps[s]->writes) touch(operand);
    }
  }

  Device& device_;
  const fusor_graph& graph_;
  const OpOptions options_;
  PlanContents& contents_;
  std::vector<Value> values_;
  const std::vector<int32_t> pools_;  // by convolution: the pool that could be merged into it
  std::vector<bool> merged_;          // by node: a step before does it
  PooledConv2dAttributes pooled_{};   // of the step being lowered
  const std::vector<Chain> chains_;
};

}  // namespace

Status build_plan(Device& device, const fusor_graph& graph, const fusor_plan_options& options,
                  PlanContents& contents) {
  // An engine of before the field has a smaller struct. What a chain is chosen by includes the batch.
  int32_t chains = options.struct_size >= sizeof options ? options.chains : int32_t{FUSOR_CHAINS_AUTO};
  if (options.deterministic != 0 && chains == FUSOR_CHAINS_AUTO) chains = FUSOR_CHAINS_NEVER;
  return Builder(device, graph, {options.precision, options.deterministic != 0}, chains, contents).build();
}

}  // namespace fusor::cuda
