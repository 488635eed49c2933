// Plans with less typing, for their tests: graphs step by step, builds and runs that are waited for.
#pragma once

#include <algorithm>

#include "engine_testing.h"

namespace testing {

using Floats = std::vector<float>;

// Builds the C structs of a graph step by step.
class GraphBuilder {
 public:
  int32_t value(std::vector<int64_t> sizes, fusor_tensor* constant = nullptr, int32_t dtype = FUSOR_F32) {
    fusor_plan_value value{};
    value.struct_size = sizeof value;
    value.dtype = dtype;
    value.rank = static_cast<int32_t>(sizes.size());
    std::copy(sizes.begin(), sizes.end(), value.sizes);
    value.constant = constant;
    values.push_back(value);
    return static_cast<int32_t>(values.size()) - 1;
  }
  int32_t input(std::vector<int64_t> sizes) {
    inputs.push_back(value(std::move(sizes)));
    return inputs.back();
  }
  void node(int32_t op, const void* attributes, std::vector<int32_t> in, std::vector<int32_t> out,
            const char* name) {
    node_inputs.push_back(std::make_unique<std::vector<int32_t>>(std::move(in)));
    node_outputs.push_back(std::make_unique<std::vector<int32_t>>(std::move(out)));
    fusor_plan_node node{};
    node.struct_size = sizeof node;
    node.op = op;
    node.attributes = attributes;
    node.inputs = node_inputs.back()->data();
    node.input_count = static_cast<int32_t>(node_inputs.back()->size());
    node.outputs = node_outputs.back()->data();
    node.output_count = static_cast<int32_t>(node_outputs.back()->size());
    node.name = name;
    nodes.push_back(node);
  }
  // To a new value of these sizes.
  int32_t neg(int32_t x, std::vector<int64_t> sizes, const char* name = "neg") {
    const int32_t output = value(std::move(sizes));
    node(FUSOR_OP_UNARY, &neg_attributes, {x}, {output}, name);
    return output;
  }
  int32_t add(int32_t a, int32_t b, std::vector<int64_t> sizes, const char* name = "add") {
    const int32_t output = value(std::move(sizes));
    node(FUSOR_OP_BINARY, &add_attributes, {a, b}, {output}, name);
    return output;
  }

  fusor_plan_graph graph() const {
    fusor_plan_graph graph{};
    graph.struct_size = sizeof graph;
    graph.values = values.data();
    graph.value_count = static_cast<int32_t>(values.size());
    graph.nodes = nodes.data();
    graph.node_count = static_cast<int32_t>(nodes.size());
    graph.inputs = inputs.data();
    graph.input_count = static_cast<int32_t>(inputs.size());
    graph.outputs = outputs.data();
    graph.output_count = static_cast<int32_t>(outputs.size());
    return graph;
  }

  std::vector<fusor_plan_value> values;
  std::vector<fusor_plan_node> nodes;
  std::vector<int32_t> inputs, outputs;

 private:
  const fusor_unary_attributes neg_attributes{sizeof(fusor_unary_attributes), FUSOR_UNARY_NEG, 0, 0};
  const fusor_binary_attributes add_attributes{sizeof(fusor_binary_attributes), FUSOR_BINARY_ADD};
  std::vector<std::unique_ptr<std::vector<int32_t>>> node_inputs, node_outputs;
};

struct BuildResult {
  fusor_status status = FUSOR_OK;
  std::string message;
  PlanHandle plan;
};

struct Built {
  Outcome outcome;
  PlanHandle plan;
  static void report(void* user_data, fusor_status status, const char* message, fusor_plan* plan) {
    auto* built = static_cast<Built*>(user_data);
    built->plan.reset(plan);
    built->outcome.set(status, message);
  }
};

inline BuildResult build(fusor_environment* env, const GraphBuilder& builder,
                         const fusor_plan_build_options* options = nullptr) {
  Built built;
  const fusor_plan_graph graph = builder.graph();
  BuildResult result;
  result.status = fusor_plan_build(env, fake_device(), &graph, options, Built::report, &built);
  if (result.status != FUSOR_OK) {
    result.message = fusor_last_error();
    return result;
  }
  result.status = built.outcome.wait();
  result.message = built.outcome.message();
  result.plan = std::move(built.plan);
  return result;
}

struct RunResult {
  fusor_status status = FUSOR_OK;
  std::string message;
  std::vector<TensorHandle> outputs;
};

// Queues a run; `outcome` may be null.
inline RunResult queue_run(fusor_environment* env, fusor_plan* plan, std::vector<fusor_tensor*> inputs,
                           int32_t output_count, Outcome* outcome = nullptr) {
  std::vector<fusor_tensor*> outputs(static_cast<size_t>(output_count), nullptr);
  RunResult result;
  result.status =
      fusor_plan_run(env, plan, inputs.data(), static_cast<int32_t>(inputs.size()), outputs.data(),
                     output_count, outcome != nullptr ? Outcome::report : nullptr, outcome);
  if (result.status != FUSOR_OK) result.message = fusor_last_error();
  for (fusor_tensor* output : outputs) result.outputs.emplace_back(output);
  return result;
}
inline RunResult run(fusor_environment* env, fusor_plan* plan, std::vector<fusor_tensor*> inputs,
                     int32_t output_count = 1) {
  Outcome outcome;
  RunResult result = queue_run(env, plan, std::move(inputs), output_count, &outcome);
  if (result.status != FUSOR_OK) return result;
  result.status = outcome.wait();
  result.message = outcome.message();
  return result;
}

struct PlanFixture {
  PlanFixture() {
    fake::reset();
    environment = make_environment();
  }
  ~PlanFixture() {
    environment.reset();
    CHECK(fake::state().wrong_threads == 0);
    CHECK(fake::state().live_plans == 0);
    CHECK(fake::state().live_arenas == 0);
    CHECK(fake::state().live_blocks == 0);
    CHECK(fake::state().runs_at_once == 0);
    CHECK(memory().tensors == 0);
    CHECK(memory().plans == 0);
    CHECK(memory().plan_bytes == 0);
  }
  fusor_environment* env() const { return environment.get(); }
  // -(x + c) - ... of shape [2, 3], with c = 10: two nodes.
  PlanHandle small_plan() {
    const TensorHandle c = make_tensor(env(), {3}, {10, 20, 30});
    GraphBuilder g;
    const int32_t x = g.input({2, 3});
    g.outputs = {g.neg(g.add(x, g.value({3}, c.get()), {2, 3}, "layer.add"), {2, 3}, "layer.neg")};
    BuildResult built = build(env(), g);
    REQUIRE_MESSAGE(built.status == FUSOR_OK, built.message);
    return std::move(built.plan);
  }

  EnvironmentHandle environment;
};

}  // namespace testing
