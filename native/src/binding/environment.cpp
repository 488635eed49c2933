#include "binding/environment.h"

#include "binding/failure.h"
#include "binding/handles.h"

namespace fusor::binding {
namespace {

// A thousandth of what makes the collector nervous, thousands of small tensors.
constexpr int64_t kMemoryStep = int64_t{1} << 20;

}  // namespace

Environment::Environment(napi_env env) : env_(env), jobs_(*this) {}

void Environment::create(Napi::Env env) {
  env.SetInstanceData<Environment, forget>(new Environment(env));
}

void Environment::forget(Napi::Env, Environment* environment) {
  environment->shut_down();
  environment->release();
}

void Environment::release() {
  if (--references_ == 0) delete this;
}

fusor_environment* Environment::engine() {
  if (closed_) fail(FUSOR_ERROR_DISPOSED, "this JavaScript environment is being torn down");
  if (engine_ == nullptr) {
    // In this order: hooks run last come, first served, and the streams must be gone before what they report
    // to.
    jobs_.open();
    check(fusor_environment_create(&engine_));
    napi_add_env_cleanup_hook(env_, clean_up, this);
  }
  return engine_;
}

void Environment::clean_up(void* environment) {
  static_cast<Environment*>(environment)->shut_down();
}

void Environment::shut_down() {
  if (closed_) return;
  closed_ = true;
  for (Handle* handle : handles_) handle->dispose();
  if (engine_ != nullptr) {
    fusor_environment_destroy(engine_);
    engine_ = nullptr;
  }
  jobs_.drop();
  make_error_.Reset();
  complete_.Reset();
  block_.Reset();
  block_data_ = nullptr;
}

Napi::Value Environment::initialize(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction() || !info[1].IsFunction())
    fail(FUSOR_ERROR_ARGUMENT, "initialize: expects functions");
  make_error_ = Napi::Persistent(info[0].As<Napi::Function>());
  complete_ = Napi::Persistent(info[1].As<Napi::Function>());
  auto array = Napi::Float64Array::New(info.Env(), kBlockSize);
  block_ = Napi::Persistent(static_cast<Napi::Object>(array));
  block_data_ = array.Data();
  return array;
}

Napi::Value Environment::make_error(fusor_status status, std::string_view message) const {
  // Nothing of ours is allocated here: the error may be that there is no memory.
  const Napi::Env env(env_);
  const auto text = Napi::String::New(env, message.data(), message.size());
  if (!make_error_.IsEmpty()) return make_error_.Call({Napi::Number::New(env, status), text});
  napi_value error = nullptr;
  napi_create_error(env, nullptr, text, &error);
  return {env, error};
}

void Environment::report_memory(int64_t bytes) {
  if (closed_) return;
  unreported_bytes_ += bytes;
  if (unreported_bytes_ < kMemoryStep && unreported_bytes_ > -kMemoryStep) return;
  int64_t total = 0;
  napi_adjust_external_memory(env_, unreported_bytes_, &total);
  unreported_bytes_ = 0;
}

}  // namespace fusor::binding
