// Runs of plans through the C API, on a backend that watches: inputs and outputs, what is under way at once,
// failures, ends.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "plan_testing.h"

#include <algorithm>
#include <chrono>
#include <thread>

using namespace testing;

TEST_CASE_FIXTURE(PlanFixture, "inputs may lie in any way; only contiguous, aligned ones are used in place") {
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

TEST_CASE_FIXTURE(PlanFixture, "once warm, a run allocates its outputs and nothing else") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {3, 2});
  const OpResult crosswise = permute(env(), x.get(), {1, 0});
  run(env(), plan.get(), {*crosswise});
  const int64_t before = fake::state().allocations;
  for (int i = 0; i < 10; ++i) run(env(), plan.get(), {*crosswise});
  CHECK(fake::state().allocations - before == 10);
  CHECK(fake::state().live_arenas == 1);
}

TEST_CASE_FIXTURE(PlanFixture, "runs queue without limit, keep their inputs and come out in order") {
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

TEST_CASE_FIXTURE(PlanFixture, "while a run is under way, what comes next is given to the device") {
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

TEST_CASE_FIXTURE(PlanFixture, "no more than eight runs are under way, and they are called back in order") {
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

TEST_CASE_FIXTURE(PlanFixture, "a run that fails when it is waited for does not fail the others") {
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

TEST_CASE_FIXTURE(PlanFixture, "an upload that fails beside a run fails by itself") {
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

TEST_CASE_FIXTURE(PlanFixture, "a plan may be released while it runs") {
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

TEST_CASE_FIXTURE(PlanFixture, "everything of a run is released when its callback is called") {
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

TEST_CASE_FIXTURE(PlanFixture, "a failing step fails the run with its name, and the next run is right") {
  const PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {2, 3});
  fake::state().failing_step = 1;
  const RunResult bad = run(env(), plan.get(), {x.get()});
  CHECK(bad.status == FUSOR_ERROR_INTERNAL);
  CHECK(bad.message == "plan: step 1, layer.neg (fake op): the fake step failed");
  CHECK(try_read(env(), bad.outputs[0].get()).message == bad.message);
  CHECK(read(env(), run(env(), plan.get(), {x.get()}).outputs[0].get())[0] == -10);
}

TEST_CASE_FIXTURE(PlanFixture, "failed inputs, memory and late failures come out of the run") {
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

TEST_CASE_FIXTURE(PlanFixture, "runs check their inputs at once") {
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

TEST_CASE_FIXTURE(PlanFixture, "backends may replay whole runs, which cannot be profiled by step") {
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

TEST_CASE_FIXTURE(PlanFixture, "one plan may be run from several environments, one run at a time") {
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

TEST_CASE_FIXTURE(PlanFixture, "destroying the environment ends a run at its next step") {
  PlanHandle plan = small_plan();
  const TensorHandle x = make_counting(env(), {2, 3});
  Outcome first, second;
  fake::state().close_gate();
  const RunResult running = queue_run(env(), plan.get(), {x.get()}, 1, &first);
  const RunResult waiting = queue_run(env(), plan.get(), {x.get()}, 1, &second);
  fake::state().await_somebody_at_gate();
  std::thread opener = open_gate_soon();
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

TEST_CASE_FIXTURE(PlanFixture, "destroying the environment ends a wait for a plan that another one runs") {
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
