#include "binding/handles.h"

#include <algorithm>
#include <string>
#include <utility>

#include "binding/failure.h"

namespace fusor::binding {
namespace {

// V8 ends the process when it is told of 2^60 bytes, which a tensor may claim that fails for want of memory
// when it is computed. From a terabyte on the collector does what it can.
constexpr int64_t kMostReported = int64_t{1} << 40;

}  // namespace

Napi::Value Handle::wrap(Environment& environment, TensorReference tensor) {
  std::unique_ptr<Handle> handle(new Handle(environment, Kind::kTensor));
  const int64_t bytes = fusor_tensor_storage_bytes(tensor.get());
  handle->tensor_ = std::move(tensor);
  handle->fusor_node_tensor::tensor = handle->tensor_.get();
  handle->fusor_node_tensor::environment = environment.engine();
  return wrap(std::move(handle), bytes);
}

Napi::Value Handle::wrap(Environment& environment, PlanReference plan) {
  std::unique_ptr<Handle> handle(new Handle(environment, Kind::kPlan));
  fusor_plan_summary summary{};
  summary.struct_size = sizeof summary;
  check(fusor_plan_get_summary(plan.get(), &summary));
  handle->plan_ = std::move(plan);
  return wrap(std::move(handle), summary.arena_bytes + summary.packed_bytes);
}

Napi::Value Handle::wrap(std::unique_ptr<Handle> handle, int64_t bytes) {
  Environment& environment = handle->environment_;
  environment.add(handle.get());
  const auto finalize = [](napi_env, void* data, void*) {
    auto* const collected = static_cast<Handle*>(static_cast<fusor_node_tensor*>(data));
    Environment& owner = collected->environment_;
    collected->dispose();
    owner.remove(collected);
    delete collected;
    owner.release();
  };
  // Not an external value: Node.js forgets 48 bytes for each of those that lives when its environment ends.
  napi_value object = nullptr;
  fusor_node_tensor* const shared = handle.get();
  if (napi_create_object(environment.env(), &object) != napi_ok ||
      napi_wrap(environment.env(), object, shared, finalize, nullptr, nullptr) != napi_ok) {
    environment.remove(handle.get());
    fail(FUSOR_ERROR_INTERNAL, "cannot make a handle's object");
  }
  environment.retain();
  handle->reported_bytes_ = std::min(bytes, kMostReported);
  const int64_t reported = handle->reported_bytes_;
  handle.release();  // the collector's from here on
  environment.report_memory(reported);
  return {environment.env(), object};
}

Handle& Handle::of(const Environment& environment, napi_value value, const char* what) {
  void* pointer = nullptr;
  if (napi_unwrap(environment.env(), value, &pointer) == napi_ok) {
    if (Handle* const handle = find(environment, pointer)) return *handle;
  }
  fail(FUSOR_ERROR_ARGUMENT, std::string(what) + " must be a native handle of this environment");
}

Handle* Handle::find(const Environment& environment, void* data) {
  // Other addons wrap things too: only what is in the environment's list is looked at.
  auto* const handle = static_cast<Handle*>(static_cast<fusor_node_tensor*>(data));
  return environment.has(handle) ? handle : nullptr;
}

fusor_tensor* Handle::tensor(const char* what) const {
  if (kind_ != Kind::kTensor) fail(FUSOR_ERROR_ARGUMENT, std::string(what) + " must be a tensor's handle");
  if (tensor_ == nullptr) fail(FUSOR_ERROR_DISPOSED, std::string(what) + " was used after dispose()");
  return tensor_.get();
}

fusor_plan* Handle::plan(const char* what) const {
  if (kind_ != Kind::kPlan) fail(FUSOR_ERROR_ARGUMENT, std::string(what) + " must be a plan's handle");
  if (plan_ == nullptr) fail(FUSOR_ERROR_DISPOSED, std::string(what) + " was used after dispose()");
  return plan_.get();
}

void Handle::dispose() {
  if (tensor_ == nullptr && plan_ == nullptr) return;
  fusor_node_tensor::tensor = nullptr;
  fusor_node_tensor::environment = nullptr;
  tensor_.reset();
  plan_.reset();
  environment_.report_memory(-reported_bytes_);
  reported_bytes_ = 0;
}

}  // namespace fusor::binding
