#include "cpu/plan/builder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "cpu/plan/convolutions.h"
#include "fusor/node_cost.h"
#include "fusor/op_names.h"

namespace fusor::cpu {

namespace {

fusor_buffer contiguous_buffer(const fusor_graph_value& value) {
  fusor_buffer buffer{};
  buffer.struct_size = sizeof buffer;
  buffer.dtype = value.dtype;
  buffer.rank = value.rank;
  std::copy_n(value.sizes, value.rank, buffer.sizes);
  describe_contiguous(buffer);
  return buffer;
}

// Each value has at most one strided and one blocked form; they are made when first needed.
struct Value {
  Operand strided, blocked;
  Halo halo;            // the widest that a consumer of the blocked form needs
  int32_t uses = 0;     // nodes and graph outputs still to come
  int32_t output = -1;  // the first graph output that is this value
};

Halo widest(const Halo& a, const Halo& b) {
  return {std::max(a.top, b.top), std::max(a.bottom, b.bottom), std::max(a.left, b.left),
          std::max(a.right, b.right)};
}

bool is_view(int32_t op) {
  return op == FUSOR_OP_RESHAPE || op == FUSOR_OP_PERMUTE || op == FUSOR_OP_SLICE || op == FUSOR_OP_EXPAND;
}

class Builder {
 public:
  Builder(const KernelSet& kernels, Pool& pool, int threads, const fusor_graph& graph,
          const fusor_plan_options& options, PlanContents& contents)
      : kernels_(kernels),
        pool_(pool),
        threads_(threads),
        graph_(graph),
        options_(options),
        contents_(contents) {}

  fusor_status build() {
    values_.resize(graph_.value_count);
    count_uses();
    place_inputs();
    if (fusor_status status = prepare_convolutions()) return status;
    for (int32_t i = 0; i < graph_.node_count; ++i) {
      const fusor_graph_node& node = graph_.nodes[i];
      for (int32_t k = 0; k < node.input_count; ++k)
        if (node.inputs[k] >= 0) --values_[node.inputs[k]].uses;
      if (is_merged_[i]) continue;
      fusor_status status;
      if (convolutions_[i].convolution)
        status = lower_convolution(node, std::move(convolutions_[i]));
      else if (is_view(node.op))
        status = lower_view(node);
      else
        status = lower_op(node);
      if (status) return status;
    }
    if (fusor_status status = deliver_outputs()) return status;
    set_lifetimes();
    return FUSOR_OK;
  }

 private:
  void count_uses() {
    for (int32_t i = 0; i < graph_.node_count; ++i)
      for (int32_t k = 0; k < graph_.nodes[i].input_count; ++k)
        if (graph_.nodes[i].inputs[k] >= 0) ++values_[graph_.nodes[i].inputs[k]].uses;
    for (int32_t i = 0; i < graph_.output_count; ++i) {
      Value& value = values_[graph_.outputs[i]];
      ++value.uses;
      if (value.output < 0) value.output = i;
    }
  }

  void place_inputs() {
    for (int32_t i = 0; i < graph_.input_count; ++i) {
      const int32_t id = graph_.inputs[i];
      values_[id].strided = {Operand::Place::Input, i, contiguous_buffer(graph_.values[id])};
    }
  }

  // Convolutions know which halo their input needs, so all are prepared before any layout is chosen.
  fusor_status prepare_convolutions() {
    std::vector<int32_t> uses;
    for (const Value& value : values_) uses.push_back(value.uses);
    if (fusor_status status =
            plan_convolutions(kernels_, pool_, threads_, graph_, options_, uses, convolutions_))
      return status;
    is_merged_.assign(graph_.node_count, false);
    for (int32_t i = 0; i < graph_.node_count; ++i) {
      const PlannedConvolution& planned = convolutions_[i];
      if (planned.max_pool >= 0) is_merged_[planned.max_pool] = true;
      if (!planned.convolution || planned.convolution->input_form() != Convolution::InputForm::Blocked)
        continue;
      Value& input = values_[graph_.nodes[i].inputs[0]];
      input.halo = widest(input.halo, planned.convolution->input_halo());
    }
    share_residual_halos();
    return FUSOR_OK;
  }

  // A convolution may write over its residual if both have the same geometry, halo included: give both the
  // wider halo. From the last to the first, so that a chain of blocks ends up with one geometry.
  void share_residual_halos() {
    for (int32_t i = graph_.node_count - 1; i >= 0; --i) {
      const fusor_graph_node& node = graph_.nodes[i];
      if (!convolutions_[i].convolution || node.input_count < 4 || node.inputs[3] < 0) continue;
      Value& residual = values_[node.inputs[3]];
      Value& output = values_[node.outputs[0]];
      output.halo = residual.halo = widest(residual.halo, output.halo);
    }
  }

  // ---- forms
  // ------------------------------------------------------------------------------------------------------

  Operand new_buffer(const fusor_buffer& geometry, int32_t reuse_class) {
    fusor_plan_buffer buffer{};
    buffer.struct_size = sizeof buffer;
    buffer.bytes = geometry.byte_size;
    buffer.alignment = 64;
    buffer.first_step = -1;
    buffer.reuse_class = reuse_class;
    contents_.buffers.push_back(buffer);
    return {Operand::Place::Buffer, static_cast<int32_t>(contents_.buffers.size()) - 1, geometry};
  }

  // Where a node writes a strided result: straight to the caller's memory if it is a graph output.
  Operand new_strided(int32_t id) {
    const fusor_buffer geometry = contiguous_buffer(graph_.values[id]);
    if (values_[id].output >= 0) return {Operand::Place::Output, values_[id].output, geometry};
    return new_buffer(geometry, 0);
  }

  // Zeros outside the image stay zeros only among buffers of one geometry: these form a class.
  Operand new_blocked(int32_t id) {
    fusor_buffer geometry = contiguous_buffer(graph_.values[id]);
    describe_blocked(geometry, kernels_.lanes, values_[id].halo);
    const BlockedShape shape = blocked_shape(geometry);
    if (shape.halo == Halo{}) return new_buffer(geometry, 0);
    auto found = std::find(classes_.begin(), classes_.end(), shape);
    if (found == classes_.end()) found = classes_.insert(classes_.end(), shape);
    return new_buffer(geometry, static_cast<int32_t>(found - classes_.begin()) + 1);
  }

  void add_step(std::unique_ptr<Step> step) { contents_.steps.push_back(std::move(step)); }

  void add_layout_step(const char* what, const Operand& source, const Operand& destination) {
    auto step = std::make_unique<LayoutStep>(source, destination);
    step->description = {what, "layout", "copy", 0,
                         source.geometry.byte_size + destination.geometry.byte_size};
    add_step(std::move(step));
  }

  fusor_status constant_operand(int32_t id, Operand& operand) {
    const fusor_buffer& source = *graph_.values[id].constant;
    operand = {Operand::Place::Constant, static_cast<int32_t>(contents_.constants.size()),
               contiguous_buffer(graph_.values[id])};
    ConstantData data(operand.geometry.byte_size);
    if (!data.data())
      return fail(FUSOR_ERROR_OUT_OF_MEMORY, "no memory for a constant of %lld bytes",
                  static_cast<long long>(operand.geometry.byte_size));
    std::memcpy(data.data(), buffer_data(source), static_cast<size_t>(operand.geometry.byte_size));
    contents_.constants.push_back(std::move(data));
    release_constant(graph_, id);
    return FUSOR_OK;
  }

  fusor_status need_strided(int32_t id) {
    Value& value = values_[id];
    if (value.strided) return FUSOR_OK;
    if (graph_.values[id].constant) return constant_operand(id, value.strided);
    value.strided = new_strided(id);
    add_layout_step("from blocked", value.blocked, value.strided);
    return FUSOR_OK;
  }

  fusor_status need_contiguous(int32_t id) {
    if (fusor_status status = need_strided(id)) return status;
    Value& value = values_[id];
    if (is_contiguous(value.strided.geometry)) return FUSOR_OK;
    const Operand view = value.strided;
    value.strided = new_strided(id);
    add_layout_step("contiguous", view, value.strided);
    return FUSOR_OK;
  }

  fusor_status need_blocked(int32_t id) {
    Value& value = values_[id];
    if (value.blocked) return FUSOR_OK;
    if (fusor_status status = need_strided(id)) return status;
    value.blocked = new_blocked(id);
    add_layout_step("to blocked", value.strided, value.blocked);
    return FUSOR_OK;
  }

  // ---- nodes
  // ------------------------------------------------------------------------------------------------------

  StepDescription describe(const fusor_graph_node& node, const char* algorithm) const {
    const fusor_node_cost cost = fusor_cost_of_node(&graph_, &node);
    return {node.name, fusor_op_names[node.op], algorithm, cost.flops, cost.bytes};
  }

  // Of two nodes, of which the second alone reads the first's result: that is not moved.
  StepDescription describe_merged(const fusor_graph_node& first, const fusor_graph_node& second,
                                  const char* algorithm) const {
    StepDescription merged = describe(first, algorithm);
    const fusor_node_cost cost = fusor_cost_of_node(&graph_, &second);
    merged.name += std::string(" + ") + second.name;
    merged.flops += cost.flops;
    merged.bytes += cost.bytes - 2 * contiguous_buffer(graph_.values[first.outputs[0]]).byte_size;
    return merged;
  }

  fusor_status lower_convolution(const fusor_graph_node& node, PlannedConvolution planned) {
    std::unique_ptr<Convolution>& convolution = planned.convolution;
    const fusor_graph_node* const pool = planned.max_pool < 0 ? nullptr : &graph_.nodes[planned.max_pool];
    const int32_t input_id = node.inputs[0], output_id = (pool ? *pool : node).outputs[0];
    const int32_t residual_id = node.input_count > 3 ? node.inputs[3] : -1;
    const bool planar = convolution->input_form() == Convolution::InputForm::Planar;
    if (fusor_status status = planar ? need_contiguous(input_id) : need_blocked(input_id)) return status;
    if (residual_id >= 0)
      if (fusor_status status = need_blocked(residual_id)) return status;

    Value& output = values_[output_id];
    if (residual_id >= 0 && may_overwrite(residual_id, input_id, output.halo))
      output.blocked = values_[residual_id].blocked;
    else
      output.blocked = new_blocked(output_id);

    const std::string algorithm = std::string(convolution->algorithm()) + " (" + planned.reason + ")";
    const int64_t workspace_bytes = convolution->workspace_bytes(threads_);
    auto step = std::make_unique<ConvolutionStep>(std::move(convolution), residual_id >= 0);
    step->description =
        pool ? describe_merged(node, *pool, algorithm.c_str()) : describe(node, algorithm.c_str());
    step->reads.push_back(planar ? values_[input_id].strided : values_[input_id].blocked);
    if (residual_id >= 0) step->reads.push_back(values_[residual_id].blocked);
    step->writes.push_back(output.blocked);
    if (workspace_bytes > 0) {
      fusor_buffer workspace{};
      workspace.struct_size = sizeof workspace;
      workspace.byte_size = workspace_bytes;
      step->writes.push_back(new_buffer(workspace, 0));
    }
    add_step(std::move(step));
    return FUSOR_OK;
  }

  // The residual's buffer can take the result if nobody reads the residual afterwards, it is not the
  // convolution's input as well, and the geometry is the same.
  bool may_overwrite(int32_t residual_id, int32_t input_id, const Halo& halo) const {
    const Value& residual = values_[residual_id];
    return residual.uses == 0 && residual_id != input_id &&
           residual.blocked.place == Operand::Place::Buffer && residual.halo == halo;
  }

  fusor_status lower_view(const fusor_graph_node& node) {
    const int32_t input_id = node.inputs[0], output_id = node.outputs[0];
    // Only a contiguous value can take any shape; the other views work on any strides.
    if (fusor_status status =
            node.op == FUSOR_OP_RESHAPE ? need_contiguous(input_id) : need_strided(input_id))
      return status;
    const Operand& source = values_[input_id].strided;
    Operand view = source;
    fusor_buffer& geometry = view.geometry;
    const int64_t size = element_size(geometry.dtype);
    switch (node.op) {
      case FUSOR_OP_RESHAPE: {
        const int64_t byte_offset = geometry.byte_offset, byte_size = geometry.byte_size;
        geometry = contiguous_buffer(graph_.values[output_id]);
        geometry.byte_offset = byte_offset;
        geometry.byte_size = byte_size;
        break;
      }
      case FUSOR_OP_PERMUTE: {
        const auto& a = *static_cast<const fusor_permute_attributes*>(node.attributes);
        for (int32_t i = 0; i < geometry.rank; ++i) {
          geometry.sizes[i] = source.geometry.sizes[a.order[i]];
          geometry.strides[i] = source.geometry.strides[a.order[i]];
        }
        break;
      }
      case FUSOR_OP_SLICE: {
        const auto& a = *static_cast<const fusor_slice_attributes*>(node.attributes);
        for (int32_t i = 0; i < geometry.rank; ++i) {
          geometry.byte_offset += a.start[i] * geometry.strides[i] * size;
          geometry.sizes[i] = (a.end[i] - a.start[i] + a.step[i] - 1) / a.step[i];
          geometry.strides[i] *= a.step[i];
        }
        break;
      }
      default: {  // FUSOR_OP_EXPAND: new dimensions in front, size-1 dimensions with stride 0
        const auto& target = graph_.values[output_id];
        const int32_t added = target.rank - source.geometry.rank;
        geometry.rank = target.rank;
        for (int32_t i = 0; i < target.rank; ++i) {
          const bool repeated = i < added || source.geometry.sizes[i - added] != target.sizes[i];
          geometry.sizes[i] = target.sizes[i];
          geometry.strides[i] = repeated ? 0 : source.geometry.strides[i - added];
        }
        break;
      }
    }
    values_[output_id].strided = view;
    return FUSOR_OK;
  }

  fusor_status lower_op(const fusor_graph_node& node) {
    const OpEntry* entry = find_op(node.op);
    if (!entry)
      return fail(FUSOR_ERROR_UNSUPPORTED, "%s: the CPU backend has no %s", node.name,
                  fusor_op_names[node.op]);
    // Blocked values stay blocked through ops that can: the first input tells.
    const bool blocked = entry->takes_blocked && node.input_count > 0 && node.inputs[0] >= 0 &&
                         values_[node.inputs[0]].blocked && blockable(node.outputs[0]);
    if (blocked && lower_op_with(node, *entry, true) == FUSOR_OK) return FUSOR_OK;
    return lower_op_with(node, *entry, false);
  }

  bool blockable(int32_t id) const {
    return graph_.values[id].rank == 4 && graph_.values[id].dtype == FUSOR_F32;
  }

  fusor_status lower_op_with(const fusor_graph_node& node, const OpEntry& entry, bool blocked) {
    std::vector<Operand> arguments(node.input_count);
    for (int32_t k = 0; k < node.input_count; ++k) {
      const int32_t id = node.inputs[k];
      if (id < 0) continue;
      const bool as_blocked =
          blocked && blockable(id) && (values_[id].blocked || same_shape(id, node.inputs[0]));
      if (fusor_status status = as_blocked            ? need_blocked(id)
                                : entry.takes_strides ? need_strided(id)
                                                      : need_contiguous(id))
        return status;
      arguments[k] = as_blocked ? values_[id].blocked : values_[id].strided;
    }

    // The op's own prepare checks dtypes and says in which layout its results come.
    std::vector<const fusor_buffer*> inputs(node.input_count);
    for (int32_t k = 0; k < node.input_count; ++k)
      inputs[k] = arguments[k] ? &arguments[k].geometry : nullptr;
    fusor_buffer results[FUSOR_MAX_OUTPUTS];
    fusor_buffer* outputs[FUSOR_MAX_OUTPUTS];
    for (int32_t k = 0; k < node.output_count; ++k) {
      results[k] = contiguous_buffer(graph_.values[node.outputs[k]]);
      outputs[k] = &results[k];
    }
    const fusor_op_call call{sizeof(fusor_op_call), node.op, node.attributes,  inputs.data(),
                             node.input_count,      outputs, node.output_count};
    if (fusor_status status = prepare_op_entry(entry, kernels_, call)) return status;

    std::vector<Operand> targets;
    for (int32_t k = 0; k < node.output_count; ++k) {
      Value& value = values_[node.outputs[k]];
      if (results[k].layout == FUSOR_LAYOUT_BLOCKED)
        targets.push_back(value.blocked = new_blocked(node.outputs[k]));
      else
        targets.push_back(value.strided = new_strided(node.outputs[k]));
    }
    auto step = std::make_unique<OpStep>(entry, node.attributes, std::move(arguments), std::move(targets));
    step->description = describe(node, blocked ? "blocked" : "strided");
    add_step(std::move(step));
    return FUSOR_OK;
  }

  bool same_shape(int32_t a, int32_t b) const {
    const auto &x = graph_.values[a], &y = graph_.values[b];
    return x.rank == y.rank && std::equal(x.sizes, x.sizes + x.rank, y.sizes);
  }

  // ---- the end
  // ----------------------------------------------------------------------------------------------------

  fusor_status deliver_outputs() {
    for (int32_t i = 0; i < graph_.output_count; ++i) {
      const int32_t id = graph_.outputs[i];
      Value& value = values_[id];
      if (!value.strided && !value.blocked)
        if (fusor_status status = need_strided(id)) return status;  // a constant
      const Operand& source = value.strided ? value.strided : value.blocked;
      const bool in_place = source.place == Operand::Place::Output && source.index == i &&
                            source.geometry.byte_offset == 0 && is_contiguous(source.geometry);
      if (in_place) continue;
      add_layout_step("output", source, {Operand::Place::Output, i, contiguous_buffer(graph_.values[id])});
    }
    return FUSOR_OK;
  }

  void set_lifetimes() {
    for (size_t s = 0; s < contents_.steps.size(); ++s) {
      auto touch = [&](const Operand& operand) {
        if (operand.place != Operand::Place::Buffer) return;
        fusor_plan_buffer& buffer = contents_.buffers[operand.index];
        if (buffer.first_step < 0) buffer.first_step = static_cast<int32_t>(s);
        buffer.last_step = static_cast<int32_t>(s);
      };
      for (const Operand& operand : contents_.steps[s]->reads) touch(operand);
      for (const Operand& operand : contents_.steps[s]->writes) touch(operand);
    }
    for (fusor_plan_buffer& buffer : contents_.buffers)
      if (buffer.first_step < 0) buffer.first_step = buffer.last_step = 0;  // abandoned by a retried lowering
  }

  const KernelSet& kernels_;
  Pool& pool_;
  const int threads_;
  const fusor_graph& graph_;
  const fusor_plan_options& options_;
  PlanContents& contents_;
  std::vector<Value> values_;
  std::vector<PlannedConvolution> convolutions_;  // by node
  std::vector<bool> is_merged_;                   // by node: another's step computes it
  std::vector<BlockedShape> classes_;
};

}  // namespace

fusor_status build_plan(const KernelSet& kernels, Pool& pool, int threads, const fusor_graph& graph,
                        const fusor_plan_options& options, PlanContents& contents) {
  return Builder(kernels, pool, threads, graph, options, contents).build();
}

}  // namespace fusor::cpu
