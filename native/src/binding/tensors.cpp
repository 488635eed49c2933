// Tensors: from memory, to memory, and between.
#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/failure.h"
#include "binding/functions.h"
#include "binding/handles.h"

namespace fusor::binding {
namespace {

fusor_tensor_info info_of(const fusor_tensor* tensor) {
  fusor_tensor_info info{};
  info.struct_size = sizeof info;
  check(fusor_tensor_get_info(tensor, &info));
  return info;
}

}  // namespace

Napi::Value create(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(info);
  const int32_t device = int32_argument(env, info[0], "device");
  const int32_t dtype = int32_argument(env, info[1], "dtype");
  const Sizes sizes = sizes_argument(env, info[2], "shape");
  fusor_environment* const engine = environment.engine();
  const std::span<char> data = typed_array_bytes(env, info[3], "data");
  fusor_tensor* tensor = nullptr;
  check(fusor_tensor_create(engine, device, dtype, sizes.rank, sizes.values, data.data(),
                            static_cast<int64_t>(data.size()), &tensor));
  return Handle::wrap(environment, TensorReference(tensor));
}

Napi::Value retain(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::of(info);
  fusor_tensor* const tensor = tensor_of(environment, info[0], "tensor");
  return Handle::wrap(environment, TensorReference(fusor_tensor_retain(tensor)));
}

Napi::Value release(const Napi::CallbackInfo& info) {
  Handle::of(Environment::of(info), info[0], "tensor").dispose();
  return info.Env().Undefined();
}

Napi::Value strides(const Napi::CallbackInfo& info) {
  const fusor_tensor_info tensor = info_of(tensor_of(Environment::of(info), info[0], "tensor"));
  auto result = Napi::Array::New(info.Env(), static_cast<size_t>(tensor.rank));
  for (int32_t i = 0; i < tensor.rank; ++i) {
    result.Set(static_cast<uint32_t>(i), static_cast<double>(tensor.strides[i]));
  }
  return result;
}

Napi::Value read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(info);
  fusor_tensor* const tensor = tensor_of(environment, info[0], "tensor");
  const std::span<char> destination = typed_array_bytes(env, info[1], "destination");
  const bool reachable = bool_argument(env, info[2], "reachable");
  fusor_environment* const engine = environment.engine();

  auto job = std::make_unique<Job>(environment, number_argument(env, info[3], "job"));
  job->destination = Napi::Persistent(info[1].As<Napi::Object>());
  char* target = destination.data();
  if (reachable) {
    job->staging = std::make_unique_for_overwrite<char[]>(destination.size());
    job->staging_bytes = destination.size();
    target = job->staging.get();
  }
  environment.jobs().start(std::move(job), [&](Job& started) {
    check(fusor_tensor_read(engine, tensor, target, static_cast<int64_t>(destination.size()), Jobs::finished,
                            &started));
  });
  return env.Undefined();
}

Napi::Value to_device(const Napi::CallbackInfo& info) {
  Environment& environment = Environment::of(info);
  fusor_tensor* const tensor = tensor_of(environment, info[0], "tensor");
  fusor_tensor* result = nullptr;
  check(fusor_tensor_to_device(environment.engine(), tensor, int32_argument(info.Env(), info[1], "device"),
                               &result));
  return Handle::wrap(environment, TensorReference(result));
}

}  // namespace fusor::binding
