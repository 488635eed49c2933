// The C API with less typing, for tests: handles that release themselves, callbacks that can be waited for,
// ops by name. Everything runs on the fake backend's devices unless a test says otherwise.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/devices.h"
#include "fake_backend.h"
#include "fusor/fusor.h"

namespace testing {

// The number of the first fake device; the other one follows.
inline int32_t fake_device() {
  static const int32_t number = [] {
    const int32_t first = fusor_device_count();
    fusor::add_backend(&fake::backend());
    return first;
  }();
  return number;
}

// Opens the gate in a while, when the caller waits for something that is not to end before. To be joined.
inline std::thread open_gate_soon() {
  return std::thread([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    fake::state().open_gate();
  });
}

// Receives one callback. Must outlive it.
class Outcome {
 public:
  static void report(void* user_data, fusor_status status, const char* message) {
    static_cast<Outcome*>(user_data)->set(status, message);
  }
  void set(fusor_status status, const char* message) {
    const std::lock_guard lock(mutex_);
    ++calls_;
    status_ = status;
    message_ = message;
    changed_.notify_all();
  }
  fusor_status wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return calls_ > 0; });
    return status_;
  }
  int calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  std::string message() {
    const std::lock_guard lock(mutex_);
    return message_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int calls_ = 0;
  fusor_status status_ = FUSOR_OK;
  std::string message_;
};

struct TensorRelease {
  void operator()(fusor_tensor* tensor) const { fusor_tensor_release(tensor); }
};
using TensorHandle = std::unique_ptr<fusor_tensor, TensorRelease>;

struct PlanRelease {
  void operator()(fusor_plan* plan) const { fusor_plan_release(plan); }
};
using PlanHandle = std::unique_ptr<fusor_plan, PlanRelease>;

struct EnvironmentDestroy {
  void operator()(fusor_environment* environment) const { fusor_environment_destroy(environment); }
};
using EnvironmentHandle = std::unique_ptr<fusor_environment, EnvironmentDestroy>;

inline EnvironmentHandle make_environment() {
  fusor_environment* environment = nullptr;
  REQUIRE(fusor_environment_create(&environment) == FUSOR_OK);
  return EnvironmentHandle(environment);
}

inline TensorHandle make_tensor(fusor_environment* environment, std::vector<int64_t> sizes,
                                std::vector<float> data, int32_t device = fake_device()) {
  fusor_tensor* tensor = nullptr;
  const fusor_status status =
      fusor_tensor_create(environment, device, FUSOR_F32, static_cast<int32_t>(sizes.size()), sizes.data(),
                          data.data(), static_cast<int64_t>(data.size() * sizeof(float)), &tensor);
  REQUIRE_MESSAGE(status == FUSOR_OK, std::string(fusor_last_error()));
  return TensorHandle(tensor);
}

// 0, 1, 2, ...
inline TensorHandle make_counting(fusor_environment* environment, std::vector<int64_t> sizes,
                                  int32_t device = fake_device()) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  std::vector<float> data;
  for (int64_t i = 0; i < count; ++i) data.push_back(static_cast<float>(i));
  return make_tensor(environment, std::move(sizes), std::move(data), device);
}

struct OpResult {
  fusor_status status = FUSOR_OK;
  std::string message;  // of the call, if it failed
  std::vector<TensorHandle> outputs;
  fusor_tensor* operator*() const { return outputs.at(0).get(); }
};

inline OpResult run_op(fusor_environment* environment, int32_t op, const void* attributes,
                       std::vector<fusor_tensor*> inputs, int32_t output_count = 1,
                       const char* label = nullptr, int32_t device = fake_device()) {
  OpResult result;
  std::vector<fusor_tensor*> outputs(static_cast<size_t>(output_count), nullptr);
  result.status = fusor_op_run(environment, device, op, attributes, inputs.data(),
                               static_cast<int32_t>(inputs.size()), outputs.data(), output_count, label);
  if (result.status != FUSOR_OK) result.message = fusor_last_error();
  for (fusor_tensor* output : outputs) result.outputs.emplace_back(output);
  return result;
}

inline OpResult add(fusor_environment* environment, fusor_tensor* a, fusor_tensor* b,
                    const char* label = nullptr) {
  const fusor_binary_attributes attributes{sizeof attributes, FUSOR_BINARY_ADD};
  return run_op(environment, FUSOR_OP_BINARY, &attributes, {a, b}, 1, label);
}
inline OpResult unary(fusor_environment* environment, int32_t function, fusor_tensor* x,
                      const char* label = nullptr) {
  const fusor_unary_attributes attributes{sizeof attributes, function, 0, 0};
  return run_op(environment, FUSOR_OP_UNARY, &attributes, {x}, 1, label);
}
inline OpResult neg(fusor_environment* environment, fusor_tensor* x, const char* label = nullptr) {
  return unary(environment, FUSOR_UNARY_NEG, x, label);
}
inline OpResult fill(fusor_environment* environment, std::vector<int64_t> shape, double value,
                     int32_t device = fake_device()) {
  fusor_fill_attributes attributes{};
  attributes.struct_size = sizeof attributes;
  attributes.rank = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), attributes.shape);
  attributes.value = value;
  return run_op(environment, FUSOR_OP_FILL, &attributes, {}, 1, nullptr, device);
}
inline OpResult reshape(fusor_environment* environment, fusor_tensor* x, std::vector<int64_t> shape,
                        int32_t op = FUSOR_OP_RESHAPE) {
  fusor_shape_attributes attributes{};
  attributes.struct_size = sizeof attributes;
  attributes.rank = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), attributes.shape);
  return run_op(environment, op, &attributes, {x});
}
inline OpResult expand(fusor_environment* environment, fusor_tensor* x, std::vector<int64_t> shape) {
  return reshape(environment, x, std::move(shape), FUSOR_OP_EXPAND);
}
inline OpResult permute(fusor_environment* environment, fusor_tensor* x, std::vector<int32_t> order) {
  fusor_permute_attributes attributes{};
  attributes.struct_size = sizeof attributes;
  attributes.rank = static_cast<int32_t>(order.size());
  std::copy(order.begin(), order.end(), attributes.order);
  return run_op(environment, FUSOR_OP_PERMUTE, &attributes, {x});
}
inline OpResult slice(fusor_environment* environment, fusor_tensor* x, std::vector<int64_t> start,
                      std::vector<int64_t> end, std::vector<int64_t> step) {
  fusor_slice_attributes attributes{};
  attributes.struct_size = sizeof attributes;
  attributes.rank = static_cast<int32_t>(start.size());
  std::copy(start.begin(), start.end(), attributes.start);
  std::copy(end.begin(), end.end(), attributes.end);
  std::copy(step.begin(), step.end(), attributes.step);
  return run_op(environment, FUSOR_OP_SLICE, &attributes, {x});
}
inline OpResult assign(fusor_environment* environment, fusor_tensor* destination, fusor_tensor* source,
                       const char* label = nullptr) {
  return run_op(environment, FUSOR_OP_ASSIGN, nullptr, {destination, source}, 0, label);
}

inline fusor_tensor_info info_of(const fusor_tensor* tensor) {
  fusor_tensor_info info{};
  info.struct_size = sizeof info;
  REQUIRE(fusor_tensor_get_info(tensor, &info) == FUSOR_OK);
  return info;
}

struct ReadResult {
  fusor_status status = FUSOR_OK;
  std::string message;
  std::vector<float> data;
};

inline ReadResult try_read(fusor_environment* environment, fusor_tensor* tensor) {
  const fusor_tensor_info info = info_of(tensor);
  ReadResult result;
  result.data.resize(static_cast<size_t>(info.byte_size) / sizeof(float));
  Outcome outcome;
  const fusor_status queued =
      fusor_tensor_read(environment, tensor, result.data.data(), info.byte_size, Outcome::report, &outcome);
  REQUIRE_MESSAGE(queued == FUSOR_OK, std::string(fusor_last_error()));
  result.status = outcome.wait();
  result.message = outcome.message();
  return result;
}
inline std::vector<float> read(fusor_environment* environment, fusor_tensor* tensor) {
  ReadResult result = try_read(environment, tensor);
  REQUIRE_MESSAGE(result.status == FUSOR_OK, result.message);
  return std::move(result.data);
}

struct SynchronizeResult {
  fusor_status status;
  std::string message;
};
inline SynchronizeResult synchronize(fusor_environment* environment, int32_t device = fake_device()) {
  Outcome outcome;
  REQUIRE(fusor_synchronize(environment, device, Outcome::report, &outcome) == FUSOR_OK);
  const fusor_status status = outcome.wait();
  return {status, outcome.message()};
}

inline fusor_memory_info memory(int32_t device = fake_device()) {
  fusor_memory_info info{};
  info.struct_size = sizeof info;
  REQUIRE(fusor_memory_get(device, &info) == FUSOR_OK);
  return info;
}

}  // namespace testing
