// Streams: their limits, their end, and several of them at once.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine_testing.h"
#include "processor_time.h"

#if !defined(_WIN32)
#include <pthread.h>
#endif

#include <chrono>
#include <ctime>
#include <deque>
#include <thread>

#include "stream/stream.h"

using namespace testing;

namespace {

using Floats = std::vector<float>;

struct Fixture {
  Fixture() { fake::reset(); }
  ~Fixture() {
    CHECK(fake::state().wrong_threads == 0);
    CHECK(fake::state().live_blocks == 0);
    CHECK(fake::state().live_streams == 0);
    CHECK(memory().tensors == 0);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "eager work past the stated depth is refused, and accepted again after synchronize") {
  const EnvironmentHandle environment = make_environment();
  fusor_environment* env = environment.get();
  const TensorHandle x = make_counting(env, {1});
  CHECK(synchronize(env).status == FUSOR_OK);
  fake::state().close_gate();
  const OpResult first = neg(env, x.get());
  fake::state().await_somebody_at_gate();  // the queue is empty now; this one is under way
  std::deque<OpResult> queued;
  OpResult refused;
  for (;;) {
    refused = neg(env, x.get());
    if (refused.status != FUSOR_OK) break;
    queued.push_back(std::move(refused));
    REQUIRE(queued.size() <= fusor::Stream::kMaxQueuedTasks);
  }
  CHECK(queued.size() == fusor::Stream::kMaxQueuedTasks);
  CHECK(refused.status == FUSOR_ERROR_QUEUE_FULL);
  CHECK(refused.message ==
        "the queue of fake:0 is full: 16384 operations are waiting; await synchronize('fake:0') from time to "
        "time");
  CHECK(refused.outputs.at(0) == nullptr);
  // Reading and synchronizing are possible all the same, or nobody could get out of it.
  Outcome outcome;
  CHECK(fusor_synchronize(env, fake_device(), Outcome::report, &outcome) == FUSOR_OK);
  fake::state().open_gate();
  CHECK(outcome.wait() == FUSOR_OK);
  CHECK(read(env, *queued.back()) == Floats{-0.0f});
  CHECK(neg(env, x.get()).status == FUSOR_OK);
  CHECK(synchronize(env).status == FUSOR_OK);
}

#if !defined(__SANITIZE_THREAD__)  // it makes six gigabytes of these, and a minute of the time
TEST_CASE_FIXTURE(Fixture, "copies that wait are limited by their size") {
  const EnvironmentHandle environment = make_environment();
  fusor_environment* env = environment.get();
  const TensorHandle x = make_counting(env, {1});
  fake::state().close_gate();
  const OpResult blocked = neg(env, x.get());
  fake::state().await_somebody_at_gate();
  const int64_t sizes[] = {300 << 20};
  const std::vector<char> data(static_cast<size_t>(sizes[0]));
  std::vector<TensorHandle> tensors;
  fusor_status status = FUSOR_OK;
  for (int i = 0; i < 4 && status == FUSOR_OK; ++i) {
    fusor_tensor* tensor = nullptr;
    status = fusor_tensor_create(env, fake_device(), FUSOR_U8, 1, sizes, data.data(), sizes[0], &tensor);
    if (tensor != nullptr) tensors.emplace_back(tensor);
  }
  CHECK(status == FUSOR_ERROR_QUEUE_FULL);
  CHECK(tensors.size() == 3);
  CHECK(std::string(fusor_last_error()).find("copies of 943718400 bytes are waiting") != std::string::npos);
  tensors.clear();
  fake::state().open_gate();
  CHECK(synchronize(env).status == FUSOR_OK);
}
#endif

TEST_CASE_FIXTURE(Fixture, "destroying an environment lets the op under way finish and drops the rest") {
  EnvironmentHandle environment = make_environment();
  const TensorHandle x = make_counting(environment.get(), {4});
  CHECK(synchronize(environment.get()).status == FUSOR_OK);
  fake::state().ops = 0;
  fake::state().close_gate();
  const OpResult under_way = neg(environment.get(), x.get());
  const OpResult dropped = neg(environment.get(), *under_way);
  Floats data(4);
  Outcome read_outcome, synchronize_outcome;
  REQUIRE(fusor_tensor_read(environment.get(), *dropped, data.data(), 16, Outcome::report, &read_outcome) ==
          FUSOR_OK);
  REQUIRE(fusor_synchronize(environment.get(), fake_device(), Outcome::report, &synchronize_outcome) ==
          FUSOR_OK);
  fake::state().await_somebody_at_gate();

  std::thread opener = open_gate_soon();
  environment.reset();
  opener.join();
  CHECK(read_outcome.calls() == 1);
  CHECK(read_outcome.wait() == FUSOR_ERROR_DISPOSED);
  CHECK(read_outcome.message() == "the environment was shut down before this work was done");
  CHECK(synchronize_outcome.calls() == 1);
  CHECK(synchronize_outcome.wait() == FUSOR_ERROR_DISPOSED);
  CHECK(fake::state().ops == 1);

  // What survives can be used from another environment: the finished result is right, the dropped one says
  // why.
  const EnvironmentHandle other = make_environment();
  CHECK(read(other.get(), *under_way) == Floats{-0.0f, -1, -2, -3});
  CHECK(try_read(other.get(), *dropped).status == FUSOR_ERROR_DISPOSED);
  CHECK(read(other.get(), *neg(other.get(), x.get()))[3] == -3);
}

TEST_CASE_FIXTURE(Fixture, "tensors may be released after their environment, in any order") {
  EnvironmentHandle environment = make_environment();
  TensorHandle x = make_counting(environment.get(), {4});
  OpResult y = neg(environment.get(), x.get());
  OpResult view = reshape(environment.get(), *y, {2, 2});
  environment.reset();
  y.outputs.clear();
  x.reset();
  view.outputs.clear();
}

TEST_CASE_FIXTURE(Fixture, "an environment may be destroyed in one of its own callbacks") {
  struct Context {
    EnvironmentHandle environment;
    Outcome done;
  } context;
  context.environment = make_environment();
  const auto callback = [](void* user_data, fusor_status status, const char* message) {
    auto* c = static_cast<Context*>(user_data);
    c->environment.reset();
    c->done.set(status, message);
  };
  REQUIRE(fusor_synchronize(context.environment.get(), fake_device(), callback, &context) == FUSOR_OK);
  CHECK(context.done.wait() == FUSOR_OK);
  // Its thread is on its own now; wait until it has left the backend.
  while (fake::state().live_streams > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

TEST_CASE_FIXTURE(Fixture, "a stream that the backend refuses is an error, and the next one may work") {
  const EnvironmentHandle environment = make_environment();
  fake::state().failing_streams = 1;
  const OpResult refused = fill(environment.get(), {2}, 3);
  CHECK(refused.status == FUSOR_ERROR_DEVICE);
  CHECK(refused.message == "the fake device takes no more streams");
  CHECK(read(environment.get(), *fill(environment.get(), {2}, 3)) == Floats{3, 3});
}

#if defined(__GLIBC__)  // musl allows no default above 8 MB; elsewhere fault_injection_test refuses threads
TEST_CASE_FIXTURE(Fixture, "a thread that cannot be started is an error, and the next one may work") {
  const EnvironmentHandle environment = make_environment();
  pthread_attr_t usual, impossible;
  REQUIRE(pthread_getattr_default_np(&usual) == 0);
  REQUIRE(pthread_getattr_default_np(&impossible) == 0);
  pthread_attr_setstacksize(&impossible, size_t{1} << 46);  // half of all addresses
  REQUIRE(pthread_setattr_default_np(&impossible) == 0);
  const OpResult refused = fill(environment.get(), {2}, 3);
  REQUIRE(pthread_setattr_default_np(&usual) == 0);
  CHECK(refused.status == FUSOR_ERROR_INTERNAL);
  CHECK(refused.message.starts_with("the thread of the stream on fake:0 could not be started: "));
  CHECK(read(environment.get(), *fill(environment.get(), {2}, 3)) == Floats{3, 3});
}
#endif

TEST_CASE_FIXTURE(Fixture, "idle streams use no processor time") {
  const EnvironmentHandle a = make_environment(), b = make_environment();
  read(a.get(), *fill(a.get(), {2}, 1));
  read(b.get(), *fill(b.get(), {2}, 1));
  CHECK(fusor::testing::comes_to_rest());
}

TEST_CASE_FIXTURE(Fixture, "environments on several threads do not disturb one another") {
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &wrong] {
      for (int round = 0; round < 5; ++round) {
        fusor_environment* created = nullptr;
        if (fusor_environment_create(&created) != FUSOR_OK) ++wrong;
        const EnvironmentHandle environment(created);
        OpResult x = fill(environment.get(), {16}, t + 1);
        for (int i = 0; i < 50; ++i) x = add(environment.get(), *x, *fill(environment.get(), {16}, 1));
        if (round % 2 == 0) continue;  // destroyed with work queued
        Floats data(16);
        Outcome outcome;
        if (fusor_tensor_read(created, *x, data.data(), 64, Outcome::report, &outcome) != FUSOR_OK) ++wrong;
        if (outcome.wait() != FUSOR_OK || data != Floats(16, static_cast<float>(t + 51))) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE_FIXTURE(Fixture, "a tensor used in another environment is waited for") {
  const EnvironmentHandle a = make_environment(), b = make_environment();
  const TensorHandle x = make_counting(a.get(), {3});
  fake::state().close_gate();
  const OpResult slow = neg(a.get(), x.get());
  fake::state().await_somebody_at_gate();
  const OpResult fast = neg(b.get(), *slow);
  std::thread opener = open_gate_soon();
  CHECK(read(b.get(), *fast) == Floats{0, 1, 2});
  opener.join();
  // Also what was assigned in the one is seen by the other.
  assign(b.get(), x.get(), *fast);
  CHECK(read(a.get(), *add(a.get(), x.get(), x.get())) == Floats{0, 2, 4});
}

TEST_CASE_FIXTURE(Fixture, "an environment that waits for another can be destroyed meanwhile") {
  const EnvironmentHandle a = make_environment();
  EnvironmentHandle b = make_environment();
  const TensorHandle x = make_counting(a.get(), {3});
  fake::state().close_gate();
  const OpResult slow = neg(a.get(), x.get());
  fake::state().await_somebody_at_gate();
  const OpResult waiting = neg(b.get(), *slow);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  b.reset();  // does not wait for the gate
  CHECK(try_read(make_environment().get(), *waiting).status == FUSOR_ERROR_DISPOSED);
  fake::state().open_gate();
  CHECK(read(a.get(), *slow) == Floats{-0.0f, -1, -2});
}

TEST_CASE_FIXTURE(Fixture, "failures are each thread's own") {
  CHECK(fusor_device_get(-1, nullptr) == FUSOR_ERROR_DEVICE);
  const std::string mine = fusor_last_error();
  std::string theirs = "unset";
  std::thread([&theirs] { theirs = fusor_last_error(); }).join();
  CHECK(mine.find("there is no device -1") == 0);
  CHECK(theirs.empty());
}

TEST_CASE_FIXTURE(Fixture, "measuring passes the number of threads on") {
  const EnvironmentHandle environment = make_environment();
  double gflops = 0;
  Outcome outcome;
  REQUIRE(fusor_measure_peak(environment.get(), fake_device(), 2, &gflops, Outcome::report, &outcome) ==
          FUSOR_OK);
  CHECK(outcome.wait() == FUSOR_OK);
  CHECK(gflops == 44);
  CHECK(fusor_measure_peak(environment.get(), fake_device(), -1, &gflops, nullptr, nullptr) ==
        FUSOR_ERROR_ARGUMENT);
}
