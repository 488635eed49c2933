// Plans through the C API, on a backend that watches: graph checks, builds, what a plan tells and how it is
// timed.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "plan_testing.h"

#include <chrono>
#include <thread>

using namespace testing;

TEST_CASE_FIXTURE(PlanFixture, "a plan computes what its graph says, run after run") {
  const PlanHandle plan = small_plan();
  for (int round = 0; round < 3; ++round) {
    const TensorHandle x = make_tensor(env(), {2, 3}, Floats(6, static_cast<float>(round)));
    const RunResult result = run(env(), plan.get(), {x.get()});
    const auto r = static_cast<float>(round);
    CHECK(read(env(), result.outputs[0].get()) ==
          Floats{-10 - r, -20 - r, -30 - r, -10 - r, -20 - r, -30 - r});
  }
}

TEST_CASE_FIXTURE(PlanFixture,
                  "a plan is a snapshot: constants may be changed and released after the build") {
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

TEST_CASE_FIXTURE(PlanFixture,
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

TEST_CASE_FIXTURE(PlanFixture, "constants may be views, pending, or laid out by the backend") {
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

TEST_CASE_FIXTURE(PlanFixture,
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

TEST_CASE_FIXTURE(PlanFixture, "a build that fails leaves nothing behind") {
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

TEST_CASE_FIXTURE(PlanFixture, "graphs are checked before anything is queued") {
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

TEST_CASE_FIXTURE(PlanFixture, "a plan tells its steps and bytes") {
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

TEST_CASE_FIXTURE(PlanFixture, "profiles give the median of each step, after one warm run") {
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

TEST_CASE_FIXTURE(PlanFixture, "a build that is still queued is dropped with its environment") {
  const TensorHandle x = make_counting(env(), {2});
  fake::state().close_gate();
  const OpResult blocked = neg(env(), x.get());
  GraphBuilder g;
  g.outputs = {g.neg(g.value({2}, *blocked), {2})};
  const fusor_plan_graph graph = g.graph();
  Built built;
  REQUIRE(fusor_plan_build(env(), fake_device(), &graph, nullptr, Built::report, &built) == FUSOR_OK);
  fake::state().await_somebody_at_gate();
  std::thread opener = open_gate_soon();
  environment.reset();
  opener.join();
  CHECK(built.outcome.wait() == FUSOR_ERROR_DISPOSED);
  CHECK(built.plan == nullptr);
}
