// What the engine does when it gets no memory, or no thread: at every single request, one test run after the
// other. A call fails with FUSOR_ERROR_OUT_OF_MEMORY, in itself or through its callback, or it does without;
// no tensor and no plan is left, and afterwards everything works.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "faults.h"

#include <doctest/doctest.h>
#include <semaphore.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>

#include "cpu/memory/memory.h"
#include "cpu/threads/pool.h"
#include "fusor/fusor.h"
#include "system.h"

namespace {

// The work under test asks for no memory itself: everything of its own is on the stack.

// A callback's report that can be waited for.
class Report {
 public:
  Report() { sem_init(&arrived_, 0, 0); }
  ~Report() {
    fusor_plan_release(plan);
    sem_destroy(&arrived_);
  }
  static void done(void* report, fusor_status status, const char*) {
    plan_done(report, status, nullptr, nullptr);
  }
  static void plan_done(void* report, fusor_status status, const char*, fusor_plan* plan) {
    auto* const self = static_cast<Report*>(report);
    self->status_ = status;
    self->plan = plan;
    sem_post(&self->arrived_);
  }
  // What the call returned; if it was queued, what came of it.
  fusor_status wait(fusor_status queued) {
    if (queued != FUSOR_OK) return queued;
    while (sem_wait(&arrived_) != 0) {
    }
    return status_;
  }

  fusor_plan* plan = nullptr;

 private:
  sem_t arrived_;
  fusor_status status_ = FUSOR_OK;
};

struct Held {
  ~Held() { fusor_tensor_release(tensor); }
  fusor_tensor* tensor = nullptr;
};

struct Failed {
  fusor_status status;
};
void must(fusor_status status) {
  if (status != FUSOR_OK) throw Failed{status};
}

class Session {
 public:
  Session() { must(fusor_environment_create(&environment)); }
  ~Session() { fusor_environment_destroy(environment); }

  template <size_t rank>
  void create(Held& held, const int64_t (&sizes)[rank], float first = 1) {
    float data[512];
    int64_t count = 1;
    for (const int64_t size : sizes) count *= size;
    for (int64_t i = 0; i < count; ++i) data[i] = first + static_cast<float>(i % 5);
    must(fusor_tensor_create(environment, 0, FUSOR_F32, rank, sizes, data, count * 4, &held.tensor));
  }
  template <size_t inputs, size_t outputs>
  void run(int32_t op, const void* attributes, fusor_tensor* const (&in)[inputs], Held (&out)[outputs]) {
    fusor_tensor* made[outputs] = {};
    must(fusor_op_run(environment, 0, op, attributes, in, inputs, made, outputs, nullptr));
    for (size_t i = 0; i < outputs; ++i) out[i].tensor = made[i];
  }
  // Waits for the tensor, and fails as it did.
  void read(fusor_tensor* tensor) {
    float data[4096];
    fusor_tensor_info info{};
    info.struct_size = sizeof info;
    must(fusor_tensor_get_info(tensor, &info));
    Report report;
    must(report.wait(fusor_tensor_read(environment, tensor, data, info.byte_size, Report::done, &report)));
  }
  void synchronize() {
    Report report;
    must(report.wait(fusor_synchronize(environment, 0, Report::done, &report)));
  }

  fusor_environment* environment = nullptr;
};

fusor_memory_info memory() {
  fusor_memory_info info{};
  info.struct_size = sizeof info;
  CHECK(fusor_memory_get(0, &info) == FUSOR_OK);
  return info;
}

// What the work comes to. What is left of it is gone when this returns.
fusor_status outcome(void (*work)()) {
  try {
    work();
    return FUSOR_OK;
  } catch (const Failed& failed) {
    return failed.status;
  }
}

// Fails the first request for memory, then the second, ... until the work asks for no more.
void survives(const char* name, void (*work)(), bool all_later) {
  REQUIRE(outcome(work) == FUSOR_OK);  // what is made once per process is there from now on
  const fusor_memory_info before = memory();
  int64_t nth = 1, told = 0;
  for (;; ++nth) {
    fusor::cpu::release_kept_memory();  // else it would serve instead of the system
    faults::arm(nth, all_later);
    const fusor_status status = outcome(work);
    const int64_t refused = faults::disarm();
    if (refused == 0) {
      CHECK(status == FUSOR_OK);
      break;
    }
    INFO(std::string(name), ", request ", nth, ": ", status, " ", std::string(fusor_last_error()));
    CHECK((status == FUSOR_ERROR_OUT_OF_MEMORY || status == FUSOR_OK));
    if (status != FUSOR_OK) ++told;
    const fusor_memory_info after = memory();
    CHECK(after.tensors == before.tensors);
    CHECK(after.bytes == before.bytes);
    CHECK(after.plans == before.plans);
    CHECK(after.plan_bytes == before.plan_bytes);
  }
  CHECK(told > 0);
  CHECK(outcome(work) == FUSOR_OK);
  std::printf("faults: %s: %lld requests for memory refused%s, %lld of them reported\n", name,
              static_cast<long long>(nth - 1), all_later ? " with all after" : "",
              static_cast<long long>(told));
}
void survives(const char* name, void (*work)()) {
  survives(name, work, false);
  survives(name, work, true);
}

fusor_conv2d_attributes convolution(int32_t padding) {
  return {sizeof(fusor_conv2d_attributes), {1, 1}, {padding, padding, padding, padding}, {1, 1}, 1,
          {FUSOR_ACTIVATION_RELU, 0, 0}};
}

void create_and_read() {
  Session session;
  Held x, wrapped;
  session.create(x, {3, 5, 7});
  session.read(x.tensor);
  static float shared[12] = {};
  const int64_t sizes[] = {3, 4};
  must(
      fusor_tensor_wrap(session.environment, FUSOR_F32, 2, sizes, shared, nullptr, nullptr, &wrapped.tensor));
  session.read(wrapped.tensor);
  session.synchronize();
}

void views_and_assign() {
  Session session;
  Held x, y, turned[1], part[1], none[1], flat[1];
  session.create(x, {4, 6});
  session.create(y, {2, 3});
  const fusor_permute_attributes order{sizeof order, 2, {1, 0}};
  session.run(FUSOR_OP_PERMUTE, &order, {x.tensor}, turned);
  fusor_slice_attributes slice{sizeof slice, 2, {1, 1}, {4, 4}, {2, 1}};
  session.run(FUSOR_OP_SLICE, &slice, {x.tensor}, part);
  must(fusor_op_run(session.environment, 0, FUSOR_OP_ASSIGN, nullptr, std::data({part[0].tensor, y.tensor}),
                    2, nullptr, 0, nullptr));
  fusor_shape_attributes shape{sizeof shape, 1, {24}};
  session.run(FUSOR_OP_RESHAPE, &shape, {turned[0].tensor}, flat);
  session.read(flat[0].tensor);
  session.read(part[0].tensor);
}

void eager_ops() {
  Session session;
  Held x, y, weight, bias, matrix;
  session.create(x, {1, 3, 8, 9});
  session.create(y, {1, 1, 8, 1});
  session.create(weight, {5, 3, 3, 3});
  session.create(bias, {5});
  session.create(matrix, {4, 9});
  const auto conv = convolution(1);
  Held convolved[1], summed[1], linear[1], normal[2], layer[1], soft[1], pooled[1], joined[1], reduced[1],
      top[2], bf16[1];
  session.run(FUSOR_OP_CONV2D, &conv, {x.tensor, weight.tensor, bias.tensor}, convolved);
  session.read(convolved[0].tensor);
  const fusor_binary_attributes add{sizeof add, FUSOR_BINARY_ADD};
  session.run(FUSOR_OP_BINARY, &add, {x.tensor, y.tensor}, summed);
  session.read(summed[0].tensor);
  const fusor_linear_attributes plain{sizeof plain, {}};
  session.run(FUSOR_OP_LINEAR, &plain, {x.tensor, matrix.tensor}, linear);
  session.read(linear[0].tensor);
  const fusor_layer_norm_attributes norm{sizeof norm, 1, 1e-5f};
  session.run(FUSOR_OP_ADD_LAYER_NORM, &norm, {x.tensor, x.tensor}, normal);
  session.read(normal[1].tensor);
  session.run(FUSOR_OP_LAYER_NORM, &norm, {convolved[0].tensor}, layer);
  session.read(layer[0].tensor);
  const fusor_softmax_attributes softmax{sizeof softmax, 3, 0};
  session.run(FUSOR_OP_SOFTMAX, &softmax, {x.tensor}, soft);
  session.read(soft[0].tensor);
  const fusor_pool2d_attributes pool{sizeof pool, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 0, 0};
  session.run(FUSOR_OP_MAX_POOL2D, &pool, {convolved[0].tensor}, pooled);
  session.read(pooled[0].tensor);
  const fusor_dim_attributes dim{sizeof dim, 1};
  session.run(FUSOR_OP_CONCAT, &dim, {x.tensor, x.tensor}, joined);
  session.read(joined[0].tensor);
  const fusor_reduce_attributes sum{sizeof sum, FUSOR_REDUCE_SUM, 2, {0, 2}, 0, 0};
  session.run(FUSOR_OP_REDUCE, &sum, {x.tensor}, reduced);
  session.read(reduced[0].tensor);
  const fusor_topk_attributes topk{sizeof topk, 2, 3, 1, 1};
  session.run(FUSOR_OP_TOPK, &topk, {x.tensor}, top);
  session.read(top[0].tensor);
  const fusor_convert_attributes convert{sizeof convert, FUSOR_BF16};
  session.run(FUSOR_OP_CONVERT, &convert, {x.tensor}, bf16);
  session.read(bf16[0].tensor);
}

// relu(conv(x)), then pooling, and a linear layer with a residual of a constant.
void build_run_profile() {
  Session session;
  Held image, weight, bias, matrix;
  session.create(image, {1, 3, 8, 8});
  session.create(weight, {5, 3, 3, 3});
  session.create(bias, {5});
  session.create(matrix, {4, 4});
  fusor_plan_value values[7] = {};
  const auto declare = [&values](int i, std::initializer_list<int64_t> sizes, fusor_tensor* constant) {
    values[i].struct_size = sizeof values[i];
    values[i].rank = static_cast<int32_t>(sizes.size());
    std::copy(sizes.begin(), sizes.end(), values[i].sizes);
    values[i].constant = constant;
  };
  declare(0, {1, 3, 8, 8}, nullptr);
  declare(1, {5, 3, 3, 3}, weight.tensor);
  declare(2, {5}, bias.tensor);
  declare(3, {1, 5, 8, 8}, nullptr);
  declare(4, {1, 5, 4, 4}, nullptr);
  declare(5, {4, 4}, matrix.tensor);
  declare(6, {1, 5, 4, 4}, nullptr);
  const auto conv = convolution(1);
  const fusor_pool2d_attributes pool{sizeof pool, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 0, 0};
  const fusor_linear_attributes linear{sizeof linear, {}};
  const int32_t conv_in[] = {0, 1, 2}, pool_in[] = {3}, linear_in[] = {4, 5, -1, 4};
  const int32_t conv_out[] = {3}, pool_out[] = {4}, linear_out[] = {6};
  const fusor_plan_node nodes[] = {
      {sizeof nodes[0], FUSOR_OP_CONV2D, &conv, conv_in, 3, conv_out, 1, "convolution"},
      {sizeof nodes[0], FUSOR_OP_MAX_POOL2D, &pool, pool_in, 1, pool_out, 1, "pool"},
      {sizeof nodes[0], FUSOR_OP_LINEAR, &linear, linear_in, 4, linear_out, 1, "linear"}};
  const int32_t inputs[] = {0}, outputs[] = {6, 4};
  const fusor_plan_graph graph{sizeof graph, values, 7, nodes, 3, inputs, 1, outputs, 2};
  Report built;
  must(built.wait(fusor_plan_build(session.environment, 0, &graph, nullptr, Report::plan_done, &built)));
  for (int run = 0; run < 2; ++run) {
    Held results[2];
    fusor_tensor* made[2] = {};
    Report ran;
    const fusor_status queued = fusor_plan_run(session.environment, built.plan, &image.tensor, 1, made, 2,
                                               run == 0 ? Report::done : nullptr, &ran);
    results[0].tensor = made[0];
    results[1].tensor = made[1];
    must(run == 0 ? ran.wait(queued) : queued);
    session.read(results[0].tensor);
    session.read(results[1].tensor);
  }
  double seconds[64];
  fusor_plan_summary summary{};
  summary.struct_size = sizeof summary;
  must(fusor_plan_get_summary(built.plan, &summary));
  Report profiled;
  must(profiled.wait(fusor_plan_profile(session.environment, built.plan, &image.tensor, 1, 3, seconds,
                                        Report::done, &profiled)));
}

// Work that is still queued when the environment goes.
void abandoned() {
  Session session;
  Held x, results[8][1];
  session.create(x, {1, 3, 8, 9});
  const fusor_unary_attributes negate{sizeof negate, FUSOR_UNARY_NEG, 0, 0};
  for (auto& result : results) session.run(FUSOR_OP_UNARY, &negate, {x.tensor}, result);
}

}  // namespace

// The first: what is made once per process must not be there yet, so each request is refused in a process of
// its own. Exit statuses besides 0, if the work asks for no more; others are failures.
constexpr int kWorked = 10, kTold = 11;
[[noreturn]] void first_call(int64_t nth, bool all_later) {
  faults::arm(nth, all_later);
  const fusor_status status = outcome(create_and_read);
  const bool any = faults::disarm() > 0;
  const bool right = status == FUSOR_OK || (any && status == FUSOR_ERROR_OUT_OF_MEMORY);
  // Everything that the first call would have found is found now.
  fusor_device_info device{};
  device.struct_size = sizeof device;
  const bool works = outcome(create_and_read) == FUSOR_OK && fusor_device_get(0, &device) == FUSOR_OK &&
                     device.available == 1 && device.instruction_set[0] != '\0';
  std::_Exit(!right ? 1 : !works ? 2 : !any ? 0 : status == FUSOR_OK ? kWorked : kTold);
}

#if defined(_WIN32)
TEST_CASE("hidden: a first call" * doctest::skip()) {
  const char* const request = std::getenv("FUSOR_TEST_REQUEST");  // "12" or "12 and all after"
  REQUIRE(request);
  first_call(std::atoi(request), std::strchr(request, ' ') != nullptr);
}
int status_of_first_call(int64_t nth, bool all_later) {
  const std::string request = std::to_string(nth) + (all_later ? " and all after" : "");
  return fusor::testing::Child("hidden: a first call", "FUSOR_TEST_REQUEST", request).wait();
}
#else
// A fork starts faster than a program, above all one of a sanitizer's.
int status_of_first_call(int64_t nth, bool all_later) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(600);
    first_call(nth, all_later);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
#endif

TEST_CASE("a process whose first call gets no memory works once there is some") {
  int refused = 0, told = 0;
  for (const bool all_later : {false, true}) {
    for (int64_t nth = 1;; ++nth) {
      const int code = status_of_first_call(nth, all_later);
      if (code == 0) break;  // it asks for no more
      INFO("request ", nth, all_later ? " and all after" : "");
      REQUIRE((code == kWorked || code == kTold));
      ++refused;
      if (code == kTold) ++told;
    }
  }
  CHECK(told > 0);
  std::printf("faults: first call of a process: %d requests for memory refused, %d of them reported\n",
              refused, told);
}

TEST_CASE("without memory, making and reading tensors fails and leaves nothing") {
  survives("create and read", create_and_read);
}
TEST_CASE("without memory, views and assign fail and leave nothing") {
  survives("views and assign", views_and_assign);
}
TEST_CASE("without memory, eager ops fail and leave nothing") {
  survives("eager ops", eager_ops);
}
TEST_CASE("without memory, building, running and profiling a plan fail and leave nothing") {
  survives("build, run and profile", build_run_profile);
}
TEST_CASE("without memory, queued work of an environment that goes is dropped all the same") {
  survives("abandoned work", abandoned);
}

TEST_CASE("without a thread for its stream, an environment says so, and works once there is one") {
  faults::threads_refused = true;
  CHECK(outcome(create_and_read) == FUSOR_ERROR_INTERNAL);
  CHECK(std::strstr(fusor_last_error(), "could not be started") != nullptr);
  faults::threads_refused = false;
  CHECK(outcome(create_and_read) == FUSOR_OK);
}

TEST_CASE("without threads for the pool, work is done by those there are, and by more once they come") {
  auto& pool = fusor::cpu::Pool::instance();
  const int before = pool.threads();
  static Session* session = nullptr;
  Session own;
  own.synchronize();  // its stream is there
  session = &own;
  const auto work = [] {
    Held x, y[1];
    session->create(x, {1, 3, 8, 9});
    const fusor_softmax_attributes softmax{sizeof softmax, 3, 0};
    session->run(FUSOR_OP_SOFTMAX, &softmax, {x.tensor}, y);
    session->read(y[0].tensor);
  };
  const int wanted = 7;  // more than any test before has started
  REQUIRE(fusor_threads_set(wanted) == FUSOR_OK);
  const auto team_of = [&pool] {
    std::atomic<int> members{0};
    const fusor::cpu::Pool::Turn turn;
    pool.run(wanted, [&](fusor::cpu::Team&) { ++members; });
    return members.load();
  };
  faults::threads_refused = true;
  CHECK(outcome(work) == FUSOR_OK);
  const int without = team_of();
  CHECK(without >= 1);
  CHECK(without < wanted);
  CHECK(outcome(work) == FUSOR_OK);
  faults::threads_refused = false;
  REQUIRE(fusor_threads_set(wanted) == FUSOR_OK);
  CHECK(team_of() == wanted);
  CHECK(outcome(work) == FUSOR_OK);
  REQUIRE(fusor_threads_set(before) == FUSOR_OK);
}
