// Plans through the C API, on a backend that watches: graph checks, runs, inputs and outputs, failures, ends.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine_testing.h"

#include <algorithm>
#include <chrono>
#include <thread>

using namespace testing;

namespace {

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

BuildResult build(fusor_environment* env, const GraphBuilder& builder,
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
RunResult queue_run(fusor_environment* env, fusor_plan* plan, std::vector<fusor_tensor*> inputs,
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
RunResult run(fusor_environment* env, fusor_plan* plan, std::vector<fusor_tensor*> inputs,
              int32_t output_count = 1) {
  Outcome outcome;
  RunResult result = queue_run(env, plan, std::move(inputs), output_count, &outcome);
  if (result.status != FUSOR_OK) return result;
  result.status = outcome.wait();
  result.message = outcome.message();
  return result;
}

struct Fixture {
  Fixture() {
    fake::reset();
    environment = make_environment();
  }
  ~Fixture() {
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

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a plan computes what its graph says, run after run") {
  const PlanHandle plan = small_plan();
  for (int round = 0; round < 3; ++round) {
    const TensorHandle x = make_tensor(env(), {2, 3}, Floats(6, static_cast<float>(round)));
    const RunResult result = run(env(), plan.get(), {x.get()});
    const auto r = static_cast<float>(round);
    CHECK(read(env(), result.outputs[0].get()) ==
          Floats{-10 - r, -20 - r, -30 - r, -10 - r, -20 - r, -30 - r});
  }
}

TEST_CASE_FIXTURE(Fixture, "a plan is a snapshot: constants may be changed and released after the build") {
  TensorHandle c = make_tensor(env(), {2}, {1, 2});
  GraphBuilder g;
  g.outputs = {g.add(g.input({2}), g.value({2}, c.get()), {2})};
  const BuildResult built = build(env(), g);
  REQUIRE(built.status == FUSOR_OK);
  assign(env(), c.get(), *fill(env(), {2}, 100));
  CHECK(synchronize(env()).status == FUSOR_OK);
  c.reset();
  CHECK(memory().tensors == 0);
  const TensorHandle x = make_tensor(env(), {2}, {0, 0});
  CHECK(read(env(), run(env(), built.plan.get(), {x.get()}).outputs[0].get()) == Floats{1, 2});
}

TEST_CASE_FIXTURE(Fixture,
                  "what a backend lets go of while it builds is freed at once, unless others have it") {
  for (const bool held : {false, true}) {
    TensorHandle c = make_tensor(env(), {2}, {1, 2});
    CHECK(synchronize(env()).status == FUSOR_OK);
    const int64_t constant_bytes = fake::state().live_bytes;
    fake::state().releases = true;
    fake::state().close_gate();
    const OpResult blocked = fill(env(), {2}, 10);
    fake::state().await_somebody_at_gate();
    GraphBuilder g;
    g.outputs = {g.add(g.input({2}), g.value({2}, c.get()), {2})};
    const fusor_plan_graph graph = g.graph();
    Built built;
    REQUIRE(fusor_plan_build(env(), fake_device(), &graph, nullptr, Built::report, &built) == FUSOR_OK);
    if (!held) c.reset();
    const int64_t others = fake::state().live_bytes - constant_bytes;
    fake::state().open_gate();
    REQUIRE(built.outcome.wait() == FUSOR_OK);
    CHECK(fake::state().live_bytes_of_build == others + (held ? constant_bytes : 0));
    if (held) CHECK(read(env(), c.get()) == Floats{1, 2});
    CHECK(read(env(), run(env(), built.plan.get(), {*blocked}).outputs[0].get()) == Floats{11, 12});
  }
}

TEST_CASE_FIXTURE(Fixture, "constants may be views, pending, or laid out by the backend") {
  fake::state().layout = fake::OutputLayout::kBlocked;
  const TensorHandle x = make_counting(env(), {1, 2, 2, 2});
  const OpResult c = neg(env(), x.get());
  const OpResult part =
      slice(env(), *permute(env(), *c, {0, 1, 3, 2}), {0, 1, 0, 0}, {1, 2, 2, 2}, {1, 1, 1, 1});
  GraphBuilder g;
  g.outputs = {g.add(g.input({1, 1, 2, 2}), g.value({1, 1, 2, 2}, *part), {1, 1, 2, 2}),
               g.neg(g.value({1, 2, 2, 2}, *c), {1, 2, 2, 2})};
  const BuildResult built = build(env(), g);
  REQUIRE(built.status == FUSOR_OK);
  const TensorHandle zero = make_tensor(env(), {1, 1, 2, 2}, Floats(4, 0));
  const RunResult result = run(env(), built.plan.get(), {zero.get()}, 2);
  CHECK(read(env(), result.outputs[0].get()) == Floats{-4, -6, -5, -7});
  CHECK(read(env(), result.outputs[1].get()) == Floats{0, 1, 2, 3, 4, 5, 6, 7});
}

TEST_CASE_FIXTURE(Fixture, "inputs may lie in any way; only contiguous, aligned ones are used in place") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {3, 2});
  CHECK(read(env(), run(env(), plan.get(), {*permute(env(), x.get(), {1, 0})}).outputs[0].get()) ==
        Floats{-10, -22, -34, -11, -23, -35});
  CHECK(fake::state().conversions == 1);
  const TensorHandle long_one = make_counting(env(), {5, 3});
  const OpResult shifted = slice(env(), long_one.get(), {1, 0}, {3, 3}, {1, 1});  // 12 bytes into the storage
  CHECK(read(env(), run(env(), plan.get(), {*shifted}).outputs[0].get()) ==
        Floats{-13, -24, -35, -16, -27, -38});
  CHECK(fake::state().conversions == 2);
  const TensorHandle plain = make_counting(env(), {2, 3});
  run(env(), plan.get(), {plain.get()});
  CHECK(fake::state().conversions == 2);
  fake::state().layout = fake::OutputLayout::kBlocked;
  GraphBuilder g;
  g.outputs = {g.neg(g.input({1, 1, 2, 2}), {1, 1, 2, 2})};
  const BuildResult built = build(env(), g);
  const TensorHandle image = make_counting(env(), {1, 1, 2, 2});
  CHECK(read(env(), run(env(), built.plan.get(), {*neg(env(), image.get())}).outputs[0].get()) ==
        Floats{0, 1, 2, 3});
}

TEST_CASE_FIXTURE(Fixture, "once warm, a run allocates its outputs and nothing else") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {3, 2});
  const OpResult crosswise = permute(env(), x.get(), {1, 0});
  run(env(), plan.get(), {*crosswise});
  const int64_t before = fake::state().allocations;
  for (int i = 0; i < 10; ++i) run(env(), plan.get(), {*crosswise});
  CHECK(fake::state().allocations - before == 10);
  CHECK(fake::state().live_arenas == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "outputs belong to the caller: later runs do not touch them, repeats are separate") {
  GraphBuilder g;
  const int32_t x = g.input({2});
  const int32_t y = g.neg(x, {2});
  g.outputs = {y, y, x};
  const BuildResult built = build(env(), g);
  REQUIRE(built.status == FUSOR_OK);
  const TensorHandle one = make_tensor(env(), {2}, {1, 1}), two = make_tensor(env(), {2}, {2, 2});
  const RunResult first = run(env(), built.plan.get(), {one.get()}, 3);
  const RunResult second = run(env(), built.plan.get(), {two.get()}, 3);
  assign(env(), first.outputs[0].get(), two.get());
  CHECK(read(env(), first.outputs[0].get()) == Floats{2, 2});
  CHECK(read(env(), first.outputs[1].get()) == Floats{-1, -1});
  CHECK(read(env(), first.outputs[2].get()) == Floats{1, 1});
  CHECK(read(env(), second.outputs[0].get()) == Floats{-2, -2});
  assign(env(), one.get(), two.get());
  CHECK(read(env(), first.outputs[2].get()) == Floats{1, 1});
}

TEST_CASE_FIXTURE(Fixture, "runs queue without limit, keep their inputs and come out in order") {
  const PlanHandle plan = small_plan();
  fake::state().close_gate();
  std::vector<RunResult> results;
  for (int i = 0; i < 200; ++i) {
    const TensorHandle x = make_tensor(env(), {2, 3}, Floats(6, static_cast<float>(i)));
    results.push_back(queue_run(env(), plan.get(), {x.get()}, 1));
    REQUIRE(results.back().status == FUSOR_OK);
  }
  fake::state().open_gate();
  for (int i = 0; i < 200; ++i) {
    REQUIRE(read(env(), results[static_cast<size_t>(i)].outputs[0].get())[0] == static_cast<float>(-10 - i));
  }
  CHECK(fake::state().most_runs_at_once == 1);
}

TEST_CASE_FIXTURE(Fixture, "while a run is under way, what comes next is given to the device") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_tensor(env(), {2, 3}, Floats(6, 0));
  run(env(), plan.get(), {x.get()});
  fake::state().close_gate();
  Outcome first, second;
  const RunResult a = queue_run(env(), plan.get(), {x.get()}, 1, &first);
  fake::state().await_somebody_at_gate();
  const int64_t before = fake::state().uploads;
  const TensorHandle y = make_tensor(env(), {2, 3}, Floats(6, 1)),
                     z = make_tensor(env(), {2, 3}, Floats(6, 2));
  const RunResult b = queue_run(env(), plan.get(), {y.get()}, 1, &second);
  const TensorHandle later = make_tensor(env(), {2, 3}, Floats(6, 3));
  int64_t at_first_wait = -1;
  {
    const std::lock_guard lock(fake::state().mutex);
    fake::state().at_synchronize = [&] {
      if (at_first_wait < 0) at_first_wait = fake::state().uploads - before;
    };
  }
  fake::state().open_gate();
  CHECK(first.wait() == FUSOR_OK);
  CHECK(second.wait() == FUSOR_OK);
  CHECK(at_first_wait == 3);
  CHECK(read(env(), b.outputs[0].get())[0] == -11);
  CHECK(read(env(), z.get())[0] == 2);
  CHECK(read(env(), later.get())[0] == 3);
}

TEST_CASE_FIXTURE(Fixture, "no more than eight runs are under way, and they are called back in order") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_tensor(env(), {2, 3}, Floats(6, 0));
  run(env(), plan.get(), {x.get()});
  const int64_t steps_of_run = fake::state().steps;
  constexpr int kRuns = 20;
  struct Called {
    std::vector<int>* order;
    int index;
    Outcome outcome;
  };
  std::vector<int> order;  // of the stream's thread until the last outcome
  std::vector<std::unique_ptr<Called>> called;
  int64_t at_first_wait = -1;
  {
    const std::lock_guard lock(fake::state().mutex);
    fake::state().at_synchronize = [&] {
      if (at_first_wait < 0) at_first_wait = fake::state().steps - steps_of_run;
    };
  }
  fake::state().close_gate();
  std::vector<TensorHandle> outputs;
  for (int i = 0; i < kRuns; ++i) {
    called.push_back(std::make_unique<Called>());
    called.back()->order = &order;
    called.back()->index = i;
    const auto callback = [](void* user_data, fusor_status status, const char* message) {
      auto* c = static_cast<Called*>(user_data);
      c->order->push_back(c->index);
      c->outcome.set(status, message);
    };
    fusor_tensor* input = x.get();
    fusor_tensor* output = nullptr;
    REQUIRE(fusor_plan_run(env(), plan.get(), &input, 1, &output, 1, callback, called.back().get()) ==
            FUSOR_OK);
    outputs.emplace_back(output);
  }
  fake::state().open_gate();
  for (const auto& each : called) CHECK(each->outcome.wait() == FUSOR_OK);
  CHECK(at_first_wait == 8 * steps_of_run);
  REQUIRE(order.size() == kRuns);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE_FIXTURE(Fixture, "a run that fails when it is waited for does not fail the others") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_tensor(env(), {2, 3}, Floats(6, 0));
  fake::state().late_failure = true;
  fake::state().close_gate();
  Outcome first, second;
  const RunResult a = queue_run(env(), plan.get(), {x.get()}, 1, &first),
                  b = queue_run(env(), plan.get(), {x.get()}, 1, &second);
  fake::state().open_gate();
  CHECK(first.wait() == FUSOR_ERROR_DEVICE_LOST);
  CHECK(second.wait() == FUSOR_OK);
}

TEST_CASE_FIXTURE(Fixture, "an upload that fails beside a run fails by itself") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_tensor(env(), {2, 3}, Floats(6, 0));
  run(env(), plan.get(), {x.get()});
  fake::state().close_gate();
  Outcome outcome;
  const RunResult result = queue_run(env(), plan.get(), {x.get()}, 1, &outcome);
  fake::state().await_somebody_at_gate();  // it has its memory
  fake::state().failing_allocations = 1;
  const TensorHandle y = make_tensor(env(), {2, 3}, Floats(6, 1));
  fake::state().open_gate();
  CHECK(outcome.wait() == FUSOR_OK);
  CHECK(try_read(env(), y.get()).status == FUSOR_ERROR_OUT_OF_MEMORY);
  CHECK(read(env(), result.outputs[0].get())[0] == -10);
}

TEST_CASE_FIXTURE(Fixture, "a plan may be released while it runs") {
  PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {2, 3});
  fake::state().close_gate();
  const RunResult result = queue_run(env(), plan.get(), {x.get()}, 1);
  fake::state().await_somebody_at_gate();
  plan.reset();
  CHECK(fake::state().live_plans == 1);
  fake::state().open_gate();
  CHECK(read(env(), result.outputs[0].get()) == Floats{-10, -21, -32, -13, -24, -35});
  CHECK(fake::state().live_plans == 0);
}

TEST_CASE_FIXTURE(Fixture, "everything of a run is released when its callback is called") {
  PlanHandle plan = small_plan();
  TensorHandle x = make_counting(env(), {2, 3});
  struct Context {
    Outcome outcome;
    int64_t tensors = -1, plans = -1;
  } context;
  const auto callback = [](void* user_data, fusor_status status, const char* message) {
    auto* c = static_cast<Context*>(user_data);
    c->tensors = memory().tensors;
    c->plans = memory().plans;
    c->outcome.set(status, message);
  };
  fake::state().close_gate();
  fusor_tensor* input = x.get();
  fusor_tensor* output = nullptr;
  REQUIRE(fusor_plan_run(env(), plan.get(), &input, 1, &output, 1, callback, &context) == FUSOR_OK);
  const TensorHandle result(output);
  x.reset();
  plan.reset();
  fake::state().open_gate();
  CHECK(context.outcome.wait() == FUSOR_OK);
  CHECK(context.tensors == 1);
  CHECK(context.plans == 0);
}

TEST_CASE_FIXTURE(Fixture, "a failing step fails the run with its name, and the next run is right") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {2, 3});
  fake::state().failing_step = 1;
  const RunResult bad = run(env(), plan.get(), {x.get()});
  CHECK(bad.status == FUSOR_ERROR_INTERNAL);
  CHECK(bad.message == "plan: step 1, layer.neg (fake op): the fake step failed");
  CHECK(try_read(env(), bad.outputs[0].get()).message == bad.message);
  CHECK(read(env(), run(env(), plan.get(), {x.get()}).outputs[0].get())[0] == -10);
}

TEST_CASE_FIXTURE(Fixture, "failed inputs, memory and late failures come out of the run") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {2, 3});
  fake::state().failing_op = FUSOR_OP_UNARY;
  CHECK(run(env(), plan.get(), {*neg(env(), x.get(), "before")}).message == "before: the fake op failed");
  fake::state().failing_allocations = 1;
  const RunResult full = run(env(), plan.get(), {x.get()});
  CHECK(full.status == FUSOR_ERROR_OUT_OF_MEMORY);
  CHECK(full.message == "out of memory on fake:0: 24 bytes could not be allocated");
  fake::state().late_failure = true;
  CHECK(run(env(), plan.get(), {x.get()}).status == FUSOR_ERROR_DEVICE_LOST);
  CHECK(run(env(), plan.get(), {x.get()}).status == FUSOR_OK);
  // Nobody asks, nobody holds the output: synchronize tells.
  fake::state().failing_step = 0;
  fake::state().close_gate();
  queue_run(env(), plan.get(), {x.get()}, 1);
  fake::state().open_gate();
  CHECK(synchronize(env()).message == "plan: step 0, layer.add (fake op): the fake step failed");
}

TEST_CASE_FIXTURE(Fixture, "a build that fails leaves nothing behind") {
  GraphBuilder g;
  const int32_t x = g.input({2, 2});
  const int32_t y = g.value({2, 2});
  g.node(FUSOR_OP_MATMUL, nullptr, {x, x}, {y}, "product");
  g.outputs = {y};
  const BuildResult unsupported = build(env(), g);
  CHECK(unsupported.status == FUSOR_ERROR_UNSUPPORTED);
  CHECK(unsupported.message == "the fake backend cannot plan product");
  CHECK(unsupported.plan == nullptr);

  GraphBuilder good;
  good.outputs = {good.neg(good.input({2, 2}), {2, 2})};
  fake::state().failing_allocations = 1;
  const BuildResult full = build(env(), good);
  CHECK(full.status == FUSOR_ERROR_OUT_OF_MEMORY);
  CHECK(full.message.starts_with("plan: out of memory on fake:0: "));

  const TensorHandle c = make_counting(env(), {2, 2});
  fake::state().failing_op = FUSOR_OP_UNARY;
  const OpResult bad = neg(env(), c.get(), "weights");
  GraphBuilder poisoned;
  poisoned.outputs = {poisoned.neg(poisoned.value({2, 2}, *bad), {2, 2})};
  CHECK(build(env(), poisoned).message == "weights: the fake op failed");
}

TEST_CASE_FIXTURE(Fixture, "runs check their inputs at once") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {2, 3}), y = make_counting(env(), {3, 2});
  const TensorHandle elsewhere = make_counting(env(), {2, 3}, fake_device() + 1);
  CHECK(run(env(), plan.get(), {y.get()}).message == "plan: input 0 must have shape [2, 3], got [3, 2]");
  CHECK(run(env(), plan.get(), {x.get(), x.get()}).message == "plan: expected 1 inputs, got 2");
  CHECK(run(env(), plan.get(), {nullptr}).message == "plan: input 0 is missing");
  CHECK(run(env(), plan.get(), {x.get()}, 2).message == "plan: gives 1 outputs, not 2");
  CHECK(run(env(), plan.get(), {elsewhere.get()}).message ==
        "plan: input 0 is on fake:1 but the plan is for fake:0");
  fusor_fill_attributes integers{sizeof integers, 2, {2, 3}, FUSOR_I64, 0};
  const OpResult i64 = run_op(env(), FUSOR_OP_FILL, &integers, {});
  CHECK(run(env(), plan.get(), {*i64}).message == "plan: input 0 must be f32 [2, 3], got i64 [2, 3]");
  CHECK(run(env(), nullptr, {x.get()}).message == "plan must not be null");
}

TEST_CASE_FIXTURE(Fixture, "graphs are checked before anything is queued") {
  const auto refused = [this](auto&& change) {
    GraphBuilder g;
    const int32_t x = g.input({2, 3});
    const int32_t y = g.neg(x, {2, 3}, "first");
    g.outputs = {g.add(y, x, {2, 3}, "second")};
    change(g);
    return build(env(), g).message;
  };
  CHECK(refused([](GraphBuilder&) {}).empty());
  CHECK(refused([](GraphBuilder& g) { g.values[1].sizes[0] = 3; }) ==
        "graph: value 1 is declared f32 [3, 3] but its node gives f32 [2, 3] (at first)");
  CHECK(refused([](GraphBuilder& g) { g.values[2].dtype = FUSOR_F16; }) ==
        "graph: value 2 is declared f16 [2, 3] but its node gives f32 [2, 3] (at second)");
  CHECK(refused([](GraphBuilder& g) { std::swap(g.nodes[0], g.nodes[1]); }) ==
        "graph: value 1 is used before a node gives it (at second)");
  CHECK(refused([](GraphBuilder& g) { g.nodes.pop_back(); }) == "graph: no node gives output value 2");
  CHECK(refused([](GraphBuilder& g) { g.outputs = {7}; }) ==
        "graph: an output is value 7, but values are 0 to 2");
  CHECK(refused([](GraphBuilder& g) {
          g.inputs = {0, 0};
        }) == "graph: input value 0 is a constant or listed twice");
  CHECK(refused([](GraphBuilder& g) {
          g.node(FUSOR_OP_MATMUL, nullptr, {0, 1}, {2}, "third");
        }) == "matmul: a [2, 3] has rows of 3 but b [2, 3] has columns of 2 (at third)");
  CHECK(refused([](GraphBuilder& g) {
          g.node(FUSOR_OP_MATMUL, nullptr, {0, -1}, {2}, "third");
        }) == "matmul: b is missing (at third)");
  CHECK(refused([](GraphBuilder& g) {
          g.node(FUSOR_OP_MATMUL, nullptr, {0, -2}, {2}, "third");
        }) == "graph: an input of a node is value -2, but values are 0 to 2 (at third)");
  CHECK(refused([](GraphBuilder& g) { g.node(77, nullptr, {0}, {2}, nullptr); }) ==
        "there is no op 77; ops are 0 to 34 (at node 2)");
  CHECK(refused([](GraphBuilder& g) {
          g.node(FUSOR_OP_ASSIGN, nullptr, {0, 1}, {}, "third");
        }) == "graph: a plan cannot assign (at third)");
  CHECK(refused([](GraphBuilder& g) { g.nodes[1].output_count = 0; }) ==
        "graph: add gives 1 outputs, not 0 (at second)");
  CHECK(refused([](GraphBuilder& g) { g.nodes.push_back(g.nodes[0]); }) ==
        "graph: value 1 is given twice (at first)");
  CHECK(refused([](GraphBuilder& g) { g.values[0].rank = 9; }) ==
        "graph: value 0 has 9 dimensions, but tensors have at most 8");
  CHECK(refused([](GraphBuilder& g) {
          g.values[0].struct_size = 4;
        }).starts_with("fusor_plan_value says struct_size 4"));
  const TensorHandle c = make_counting(env(), {3});
  CHECK(refused([&c](GraphBuilder& g) { g.value({2}, c.get()); }) ==
        "graph: value 3 is declared f32 [2] but its constant is f32 [3]");
  const TensorHandle elsewhere = make_counting(env(), {3}, fake_device() + 1);
  CHECK(refused([&elsewhere](GraphBuilder& g) { g.value({3}, elsewhere.get()); }) ==
        "graph: the constant of value 3 is on fake:1 but the plan is for fake:0");
  fusor_plan_build_options options{};
  options.struct_size = sizeof options;
  options.threads = -1;
  options.winograd = 1;
  GraphBuilder g;
  g.outputs = {g.input({1})};
  CHECK(build(env(), g, &options).message == "plan: threads must be at least 0, got -1");
}

TEST_CASE_FIXTURE(Fixture, "a plan tells its steps and bytes") {
  const PlanHandle plan = small_plan();
  fusor_plan_summary summary{};
  summary.struct_size = sizeof summary;
  REQUIRE(fusor_plan_get_summary(plan.get(), &summary) == FUSOR_OK);
  CHECK(summary.step_count == 3);
  CHECK(summary.packed_bytes == 12);
  CHECK(summary.arena_bytes >= 48);
  CHECK(memory().plans == 1);
  CHECK(memory().plan_bytes == summary.arena_bytes + summary.packed_bytes);
  fusor_step_info step{};
  step.struct_size = sizeof step;
  REQUIRE(fusor_plan_get_step(plan.get(), 1, &step) == FUSOR_OK);
  CHECK(std::string(step.name) == "layer.neg");
  CHECK(std::string(step.algorithm) == "loop (fake)");
  CHECK(step.flops == 1001);
  CHECK(fusor_plan_get_step(plan.get(), 3, &step) == FUSOR_ERROR_ARGUMENT);
  CHECK(fusor_plan_get_step(plan.get(), -1, &step) == FUSOR_ERROR_ARGUMENT);
  CHECK(fusor_plan_get_summary(nullptr, &summary) == FUSOR_ERROR_ARGUMENT);
}

TEST_CASE_FIXTURE(Fixture, "profiles give the median of each step, after one warm run") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {2, 3});
  std::atomic<int> calls{0};
  {
    const std::lock_guard lock(fake::state().mutex);
    // Step 1 takes long in the warm run and in one of three timed ones: the median is short.
    fake::state().at_step = [&calls](int step) {
      if (step != 1) return;
      const int call = calls++;
      if (call == 0 || call == 2) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    };
  }
  double seconds[3] = {-1, -1, -1};
  fusor_tensor* input = x.get();
  Outcome outcome;
  REQUIRE(fusor_plan_profile(env(), plan.get(), &input, 1, 3, seconds, Outcome::report, &outcome) ==
          FUSOR_OK);
  CHECK(outcome.wait() == FUSOR_OK);
  CHECK(fake::state().steps == 12);
  for (const double time : seconds) {
    CHECK(time >= 0);
    CHECK(time < 0.2);
  }
  CHECK(fusor_plan_profile(env(), plan.get(), &input, 1, 0, seconds, nullptr, nullptr) ==
        FUSOR_ERROR_ARGUMENT);
}

TEST_CASE_FIXTURE(Fixture, "backends may replay whole runs, which cannot be profiled by step") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {2, 3});
  fake::state().replays = true;
  CHECK(read(env(), run(env(), plan.get(), {x.get()}).outputs[0].get()) ==
        Floats{-10, -21, -32, -13, -24, -35});
  CHECK(fake::state().steps == 3);
  double seconds[3];
  fusor_tensor* input = x.get();
  Outcome outcome;
  REQUIRE(fusor_plan_profile(env(), plan.get(), &input, 1, 3, seconds, Outcome::report, &outcome) ==
          FUSOR_OK);
  CHECK(outcome.wait() == FUSOR_ERROR_UNSUPPORTED);
}

TEST_CASE_FIXTURE(Fixture, "one plan may be run from several environments, one run at a time") {
  const PlanHandle plan = small_plan();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&plan, &wrong, t] {
      fusor_environment* created = nullptr;
      if (fusor_environment_create(&created) != FUSOR_OK) ++wrong;
      const EnvironmentHandle own(created);
      const float expected = static_cast<float>(-10 - t);
      const Floats data(6, static_cast<float>(t));
      const int64_t sizes[] = {2, 3};
      fusor_tensor* input = nullptr;
      if (fusor_tensor_create(created, fake_device(), FUSOR_F32, 2, sizes, data.data(), 24, &input) !=
          FUSOR_OK)
        ++wrong;
      const TensorHandle x(input);
      for (int i = 0; i < 40; ++i) {
        fusor_tensor* output = nullptr;
        if (fusor_plan_run(created, plan.get(), &input, 1, &output, 1, nullptr, nullptr) != FUSOR_OK) ++wrong;
        const TensorHandle result(output);
        Floats found(6);
        Outcome outcome;
        if (fusor_tensor_read(created, output, found.data(), 24, Outcome::report, &outcome) != FUSOR_OK)
          ++wrong;
        if (outcome.wait() != FUSOR_OK || found[0] != expected || found[3] != expected) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(fake::state().most_runs_at_once == 1);
}

TEST_CASE_FIXTURE(Fixture, "destroying the environment ends a run at its next step") {
  PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {2, 3});
  Outcome first, second;
  fake::state().close_gate();
  const RunResult running = queue_run(env(), plan.get(), {x.get()}, 1, &first);
  const RunResult waiting = queue_run(env(), plan.get(), {x.get()}, 1, &second);
  fake::state().await_somebody_at_gate();
  std::thread opener([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    fake::state().open_gate();
  });
  environment.reset();
  opener.join();
  CHECK(first.wait() == FUSOR_ERROR_DISPOSED);
  CHECK(second.wait() == FUSOR_ERROR_DISPOSED);
  CHECK(fake::state().steps == 1);
  // The plan itself is in order, and another environment may go on with it.
  const EnvironmentHandle other = make_environment();
  CHECK(try_read(other.get(), running.outputs[0].get()).status == FUSOR_ERROR_DISPOSED);
  CHECK(read(other.get(), run(other.get(), plan.get(), {x.get()}).outputs[0].get())[5] == -35);
}

TEST_CASE_FIXTURE(Fixture, "destroying the environment ends a wait for a plan that another one runs") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {2, 3});
  EnvironmentHandle other = make_environment();
  const TensorHandle y = make_counting(other.get(), {2, 3});
  CHECK(synchronize(other.get()).status == FUSOR_OK);
  fake::state().close_gate();
  const RunResult running = queue_run(env(), plan.get(), {x.get()}, 1);
  fake::state().await_somebody_at_gate();
  Outcome outcome;
  const RunResult waiting = queue_run(other.get(), plan.get(), {y.get()}, 1, &outcome);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  other.reset();
  CHECK(outcome.wait() == FUSOR_ERROR_DISPOSED);
  fake::state().open_gate();
  CHECK(read(env(), running.outputs[0].get())[0] == -10);
}

TEST_CASE_FIXTURE(Fixture, "a build that is still queued is dropped with its environment") {
  const TensorHandle x = make_counting(env(), {2});
  fake::state().close_gate();
  const OpResult blocked = neg(env(), x.get());
  GraphBuilder g;
  g.outputs = {g.neg(g.value({2}, *blocked), {2})};
  const fusor_plan_graph graph = g.graph();
  Built built;
  REQUIRE(fusor_plan_build(env(), fake_device(), &graph, nullptr, Built::report, &built) == FUSOR_OK);
  fake::state().await_somebody_at_gate();
  std::thread opener([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    fake::state().open_gate();
  });
  environment.reset();
  opener.join();
  CHECK(built.outcome.wait() == FUSOR_ERROR_DISPOSED);
  CHECK(built.plan == nullptr);
}
