// The engine and the CPU backend together, through the C API: layouts between eager ops, plans against eager,
// borrowed memory, several environments, ends in the middle of work. Small enough to run under the
// sanitizers.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine_testing.h"

#include <cmath>
#include <thread>

using namespace testing;

namespace {

using Floats = std::vector<float>;
constexpr int32_t kCpu = 0;

// Small integers, so that sums are exact whatever their order.
Floats integers(int64_t count, int seed) {
  Floats data;
  for (int64_t i = 0; i < count; ++i) data.push_back(static_cast<float>((i * 7 + seed * 13) % 11 - 5));
  return data;
}
TensorHandle make_integers(fusor_environment* env, std::vector<int64_t> sizes, int seed) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  return make_tensor(env, std::move(sizes), integers(count, seed), kCpu);
}

fusor_conv2d_attributes convolution(int32_t padding, int32_t activation = FUSOR_ACTIVATION_NONE) {
  return {sizeof(fusor_conv2d_attributes),
          {1, 1},
          {padding, padding, padding, padding},
          {1, 1},
          1,
          {activation, 0, 0}};
}

// relu(conv3x3(relu(conv3x3(x, w1) + b1), w2) + x), eager.
OpResult block(fusor_environment* env, fusor_tensor* x, fusor_tensor* w1, fusor_tensor* b1,
               fusor_tensor* w2) {
  const auto attributes = convolution(1, FUSOR_ACTIVATION_RELU);
  const OpResult first = run_op(env, FUSOR_OP_CONV2D, &attributes, {x, w1, b1});
  return run_op(env, FUSOR_OP_CONV2D, &attributes, {*first, w2, nullptr, x});
}

// The same block as plain loops, n = 1.
Floats reference(const Floats& x, const Floats& w1, const Floats& b1, const Floats& w2, int c, int h, int w) {
  const auto convolve = [&](const Floats& in, const Floats& weight, const Floats* bias,
                            const Floats* residual) {
    Floats out(in.size());
    for (int k = 0; k < c; ++k) {
      for (int y = 0; y < h; ++y) {
        for (int z = 0; z < w; ++z) {
          float sum = bias != nullptr ? (*bias)[static_cast<size_t>(k)] : 0;
          for (int i = 0; i < c; ++i) {
            for (int r = -1; r <= 1; ++r) {
              for (int s = -1; s <= 1; ++s) {
                if (y + r < 0 || y + r >= h || z + s < 0 || z + s >= w) continue;
                sum += in[static_cast<size_t>((i * h + y + r) * w + z + s)] *
                       weight[static_cast<size_t>(((k * c + i) * 3 + r + 1) * 3 + s + 1)];
              }
            }
          }
          const auto at = static_cast<size_t>((k * h + y) * w + z);
          if (residual != nullptr) sum += (*residual)[at];
          out[at] = sum > 0 ? sum : 0;
        }
      }
    }
    return out;
  };
  return convolve(convolve(x, w1, &b1, nullptr), w2, nullptr, &x);
}

// Winograd rounds: sums of some thousands, a few units in the last place apart.
void check_close(const Floats& found, const Floats& expected) {
  REQUIRE(found.size() == expected.size());
  double worst = 0, largest = 1;
  for (size_t i = 0; i < found.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(found[i]) - expected[i]));
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
  }
  CHECK(worst <= 1e-5 * largest);
}

struct Fixture {
  Fixture() : before(memory(kCpu)) { environment = make_environment(); }
  ~Fixture() {
    environment.reset();
    CHECK(memory(kCpu).tensors == before.tensors);
    CHECK(memory(kCpu).bytes == before.bytes);
    CHECK(memory(kCpu).plans == before.plans);
    CHECK(memory(kCpu).plan_bytes == before.plan_bytes);
  }
  fusor_environment* env() const { return environment.get(); }

  const fusor_memory_info before;
  EnvironmentHandle environment;
};

constexpr int64_t kChannels = 19, kHeight = 9, kWidth = 13;

// The block's tensors, and a plan for it.
struct Network {
  explicit Network(fusor_environment* env)
      : w1(make_integers(env, {kChannels, kChannels, 3, 3}, 1)),
        b1(make_integers(env, {kChannels}, 2)),
        w2(make_integers(env, {kChannels, kChannels, 3, 3}, 3)) {}

  PlanHandle plan(fusor_environment* env) const {
    std::vector<fusor_plan_value> values;
    const auto value = [&values](std::vector<int64_t> sizes, fusor_tensor* constant) {
      fusor_plan_value v{};
      v.struct_size = sizeof v;
      v.rank = static_cast<int32_t>(sizes.size());
      std::copy(sizes.begin(), sizes.end(), v.sizes);
      v.constant = constant;
      values.push_back(v);
    };
    const std::vector<int64_t> image{1, kChannels, kHeight, kWidth}, weight{kChannels, kChannels, 3, 3};
    value(image, nullptr);
    value(weight, w1.get());
    value({kChannels}, b1.get());
    value(weight, w2.get());
    value(image, nullptr);
    value(image, nullptr);
    const auto attributes = convolution(1, FUSOR_ACTIVATION_RELU);
    const int32_t first_in[] = {0, 1, 2}, second_in[] = {4, 3, -1, 0}, first_out[] = {4}, second_out[] = {5};
    const fusor_plan_node nodes[] = {
        {sizeof(fusor_plan_node), FUSOR_OP_CONV2D, &attributes, first_in, 3, first_out, 1, "conv1"},
        {sizeof(fusor_plan_node), FUSOR_OP_CONV2D, &attributes, second_in, 4, second_out, 1, "conv2"}};
    const int32_t inputs[] = {0}, outputs[] = {5};
    const fusor_plan_graph graph{sizeof graph, values.data(), 6, nodes, 2, inputs, 1, outputs, 1};
    struct Built {
      Outcome outcome;
      PlanHandle plan;
    } built;
    const auto callback = [](void* user_data, fusor_status status, const char* message, fusor_plan* plan) {
      auto* b = static_cast<Built*>(user_data);
      b->plan.reset(plan);
      b->outcome.set(status, message);
    };
    REQUIRE(fusor_plan_build(env, kCpu, &graph, nullptr, callback, &built) == FUSOR_OK);
    REQUIRE_MESSAGE(built.outcome.wait() == FUSOR_OK, built.outcome.message());
    return std::move(built.plan);
  }

  TensorHandle w1, b1, w2;
};

Floats expected_block(const Floats& x) {
  return reference(x, integers(kChannels * kChannels * 9, 1), integers(kChannels, 2),
                   integers(kChannels * kChannels * 9, 3), kChannels, kHeight, kWidth);
}

TensorHandle plan_run(fusor_environment* env, fusor_plan* plan, fusor_tensor* x) {
  fusor_tensor* output = nullptr;
  REQUIRE(fusor_plan_run(env, plan, &x, 1, &output, 1, nullptr, nullptr) == FUSOR_OK);
  return TensorHandle(output);
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "eager ops and a plan compute what plain loops compute") {
  const Network network(env());
  const TensorHandle x = make_integers(env(), {1, kChannels, kHeight, kWidth}, 4);
  const Floats expected = expected_block(integers(kChannels * kHeight * kWidth, 4));
  const OpResult eager = block(env(), x.get(), network.w1.get(), network.b1.get(), network.w2.get());
  check_close(read(env(), *eager), expected);
  const PlanHandle plan = network.plan(env());
  const TensorHandle output = plan_run(env(), plan.get(), x.get());
  check_close(read(env(), output.get()), expected);
  // The same bits again, also from an input that lies otherwise.
  const OpResult apart =
      permute(env(), *reshape(env(), *permute(env(), x.get(), {0, 2, 3, 1}), {1, kHeight, kWidth, kChannels}),
              {0, 3, 1, 2});
  CHECK(read(env(), plan_run(env(), plan.get(), *apart).get()) == read(env(), output.get()));
}

TEST_CASE_FIXTURE(Fixture, "views of what a convolution wrote are right") {
  const Network network(env());
  const TensorHandle x = make_integers(env(), {1, kChannels, kHeight, kWidth}, 5);
  const Floats expected = expected_block(integers(kChannels * kHeight * kWidth, 5));
  const OpResult y = block(env(), x.get(), network.w1.get(), network.b1.get(), network.w2.get());
  const OpResult part = slice(env(), *y, {0, 3, 2, 1}, {1, 18, 9, 12}, {1, 4, 3, 5});
  const OpResult turned = neg(env(), *permute(env(), *part, {3, 1, 0, 2}));
  Floats wanted;
  for (int64_t w = 1; w < 12; w += 5) {
    for (int64_t c = 3; c < 18; c += 4) {
      for (int64_t h = 2; h < 9; h += 3) {
        wanted.push_back(-expected[static_cast<size_t>((c * kHeight + h) * kWidth + w)]);
      }
    }
  }
  check_close(read(env(), *turned), wanted);
  check_close(read(env(), *y), expected);
  assign(env(), *slice(env(), *y, {0, 0, 0, 0}, {1, 1, 1, 3}, {1, 1, 1, 1}),
         *reshape(env(), make_tensor(env(), {3}, {1, 2, 3}, kCpu).get(), {1, 1, 1, 3}));
  const Floats changed = read(env(), *y);
  CHECK(Floats(changed.begin(), changed.begin() + 3) == Floats{1, 2, 3});
  CHECK(changed[3] == doctest::Approx(expected[3]).epsilon(1e-5));
}

TEST_CASE_FIXTURE(Fixture, "a convolution sees that its weight was assigned") {
  const TensorHandle x = make_integers(env(), {1, kChannels, kHeight, kWidth}, 6);
  const TensorHandle w = make_integers(env(), {kChannels, kChannels, 3, 3}, 7);
  const TensorHandle other = make_integers(env(), {kChannels, kChannels, 3, 3}, 8);
  const auto attributes = convolution(1);
  const auto convolve = [&](fusor_tensor* weight) {
    return read(env(), *run_op(env(), FUSOR_OP_CONV2D, &attributes, {x.get(), weight}));
  };
  const Floats before = convolve(w.get());
  CHECK(convolve(w.get()) == before);
  assign(env(), w.get(), other.get());
  const Floats after = convolve(w.get());
  CHECK(after != before);
  CHECK(after == convolve(other.get()));
}

TEST_CASE_FIXTURE(Fixture, "borrowed memory is read in place and given back once") {
  alignas(64) static float data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  std::atomic<int> given_back{0};
  const auto release = [](void* user_data) { ++*static_cast<std::atomic<int>*>(user_data); };
  const int64_t sizes[] = {2, 4};
  fusor_tensor* created = nullptr;
  REQUIRE(fusor_tensor_wrap(env(), FUSOR_F32, 2, sizes, data, release, &given_back, &created) == FUSOR_OK);
  TensorHandle x(created);
  const OpResult y = neg(env(), *permute(env(), x.get(), {1, 0}));
  x.reset();
  CHECK(read(env(), *y) == Floats{-1, -5, -2, -6, -3, -7, -4, -8});
  CHECK(synchronize(env(), kCpu).status == FUSOR_OK);
  CHECK(given_back == 1);
  char* odd = reinterpret_cast<char*>(data) + 2;
  CHECK(fusor_tensor_wrap(env(), FUSOR_F32, 2, sizes, odd, release, &given_back, &created) ==
        FUSOR_ERROR_ARGUMENT);
  CHECK(fusor_tensor_wrap(env(), FUSOR_F32, 2, sizes, nullptr, release, &given_back, &created) ==
        FUSOR_ERROR_ARGUMENT);
  CHECK(given_back == 1);  // refused: still the caller's
  // Not aligned as plans want it, which copy it then.
  const int64_t image[] = {1, kChannels, kHeight, kWidth};
  Floats shifted = integers(kChannels * kHeight * kWidth + 1, 4);
  REQUIRE(fusor_tensor_wrap(env(), FUSOR_F32, 4, image, shifted.data() + 1, nullptr, nullptr, &created) ==
          FUSOR_OK);
  const TensorHandle z(created);
  const Network network(env());
  const PlanHandle plan = network.plan(env());
  check_close(read(env(), plan_run(env(), plan.get(), z.get()).get()),
              expected_block(Floats(shifted.begin() + 1, shifted.end())));
}

namespace {

// What a visit saw: where, and a copy.
struct Seen {
  Outcome outcome;
  const void* data = nullptr;
  Floats elements;

  static void report(void* user_data, fusor_status status, const char* message, const void* data,
                     int64_t bytes) {
    auto* const seen = static_cast<Seen*>(user_data);
    seen->data = data;
    seen->elements.assign(static_cast<const float*>(data),
                          static_cast<const float*>(data) + bytes / int64_t{sizeof(float)});
    seen->outcome.set(status, message);
  }
  fusor_status visit(fusor_environment* env, fusor_tensor* tensor) {
    REQUIRE(fusor_tensor_visit(env, tensor, report, this) == FUSOR_OK);
    return outcome.wait();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "a visit sees a tensor where it lies, and in row-major order if it lies otherwise") {
  alignas(64) static float data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const int64_t sizes[] = {2, 4};
  fusor_tensor* created = nullptr;
  REQUIRE(fusor_tensor_wrap(env(), FUSOR_F32, 2, sizes, data, nullptr, nullptr, &created) == FUSOR_OK);
  const TensorHandle x(created);
  Seen whole;
  CHECK(whole.visit(env(), x.get()) == FUSOR_OK);
  CHECK(whole.data == data);
  CHECK(whole.elements == Floats{1, 2, 3, 4, 5, 6, 7, 8});

  Seen turned;
  CHECK(turned.visit(env(), *permute(env(), x.get(), {1, 0})) == FUSOR_OK);
  CHECK(turned.data != data);
  CHECK(turned.elements == Floats{1, 5, 2, 6, 3, 7, 4, 8});

  // A convolution's result lies in the backend's own layout.
  const TensorHandle image = make_integers(env(), {1, kChannels, kHeight, kWidth}, 6);
  const TensorHandle w = make_integers(env(), {kChannels, kChannels, 3, 3}, 7);
  const auto attributes = convolution(1);
  const OpResult y = run_op(env(), FUSOR_OP_CONV2D, &attributes, {image.get(), w.get()});
  Seen convolved;
  CHECK(convolved.visit(env(), *y) == FUSOR_OK);
  CHECK(convolved.elements == read(env(), *y));

  const TensorHandle empty = make_tensor(env(), {0, 3}, {}, kCpu);
  Seen nothing;
  CHECK(nothing.visit(env(), empty.get()) == FUSOR_OK);
  CHECK(nothing.elements.empty());
  CHECK(fusor_tensor_visit(env(), x.get(), nullptr, nullptr) == FUSOR_ERROR_ARGUMENT);
  CHECK(fusor_tensor_visit(env(), nullptr, Seen::report, nullptr) == FUSOR_ERROR_ARGUMENT);
}

TEST_CASE_FIXTURE(Fixture, "several environments run plans and eager ops at once") {
  const Network network(env());
  const PlanHandle shared = network.plan(env());
  const Floats x_data = integers(kChannels * kHeight * kWidth, 9);
  const TensorHandle x = make_tensor(env(), {1, kChannels, kHeight, kWidth}, x_data, kCpu);
  const Floats planned = read(env(), plan_run(env(), shared.get(), x.get()).get());
  const Floats eager =
      read(env(), *block(env(), x.get(), network.w1.get(), network.b1.get(), network.w2.get()));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 3; ++round) {
        const EnvironmentHandle own = make_environment();
        const TensorHandle input = make_tensor(own.get(), {1, kChannels, kHeight, kWidth}, x_data, kCpu);
        for (int i = 0; i < 4; ++i) {
          const TensorHandle a = plan_run(own.get(), shared.get(), input.get());
          const OpResult b =
              block(own.get(), input.get(), network.w1.get(), network.b1.get(), network.w2.get());
          if (round == t) continue;  // destroyed with work queued
          if (read(own.get(), a.get()) != planned || read(own.get(), *b) != eager) ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE_FIXTURE(Fixture, "memory that cannot be had fails the op and not the process") {
  const OpResult huge = fill(env(), {int64_t{1} << 58}, 1, kCpu);
  REQUIRE(huge.status == FUSOR_OK);
  const ReadResult result = [&] {
    const OpResult one = slice(env(), *huge, {0}, {1}, {1});
    return try_read(env(), *one);
  }();
  CHECK(result.status == FUSOR_ERROR_OUT_OF_MEMORY);
  CHECK(result.message.starts_with("fill: out of memory on cpu: "));
  CHECK(read(env(), *fill(env(), {2}, 1, kCpu)) == Floats{1, 1});
}
