// Devices, their memory and threads, and what waits for or measures a whole device.
#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/failure.h"
#include "binding/functions.h"

namespace fusor::binding {

Napi::Value version(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), fusor_version());
}

Napi::Value devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto list = Napi::Array::New(env);
  for (int32_t i = 0; i < fusor_device_count(); ++i) {
    fusor_device_info device{};
    device.struct_size = sizeof device;
    check(fusor_device_get(i, &device));
    auto entry = Napi::Object::New(env);
    entry.Set("id", device.id);
    entry.Set("kind", device.kind);
    entry.Set("name", device.name);
    entry.Set("instructionSet", device.instruction_set);
    entry.Set("reason", device.reason);
    entry.Set("available", Napi::Boolean::New(env, device.available != 0));
    entry.Set("computeUnits", Napi::Number::New(env, device.compute_units));
    entry.Set("memoryBytes", Napi::Number::New(env, static_cast<double>(device.memory_bytes)));
    list.Set(static_cast<uint32_t>(i), entry);
  }
  return list;
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  fusor_memory_info memory{};
  memory.struct_size = sizeof memory;
  check(fusor_memory_get(int32_argument(env, info[0], "device"), &memory));
  auto result = Napi::Array::New(env, 6);
  result.Set(0u, static_cast<double>(memory.tensors));
  result.Set(1u, static_cast<double>(memory.bytes));
  result.Set(2u, static_cast<double>(memory.plans));
  result.Set(3u, static_cast<double>(memory.plan_bytes));
  result.Set(4u, static_cast<double>(memory.reserved_bytes));
  result.Set(5u, static_cast<double>(memory.limit_bytes));
  return result;
}

Napi::Value load_backend(const Napi::CallbackInfo& info) {
  const std::string path = string_argument(info.Env(), info[0], "path");
  check(fusor_backend_load(path.c_str()));
  return info.Env().Undefined();
}

Napi::Value empty_cache(const Napi::CallbackInfo& info) {
  check(fusor_memory_empty_cache(int32_argument(info.Env(), info[0], "device")));
  return info.Env().Undefined();
}

Napi::Value limit_memory(const Napi::CallbackInfo& info) {
  const int32_t device = int32_argument(info.Env(), info[0], "device");
  check(fusor_memory_limit(device, static_cast<int64_t>(number_argument(info.Env(), info[1], "bytes"))));
  return info.Env().Undefined();
}

Napi::Value get_threads(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), fusor_threads_get());
}

Napi::Value set_threads(const Napi::CallbackInfo& info) {
  check(fusor_threads_set(int32_argument(info.Env(), info[0], "threads")));
  return info.Env().Undefined();
}

Napi::Value synchronize(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(info);
  const int32_t device = int32_argument(env, info[0], "device");
  fusor_environment* const engine = environment.engine();
  environment.jobs().start(std::make_unique<Job>(environment, number_argument(env, info[1], "job")),
                           [&](Job& job) { check(fusor_synchronize(engine, device, Jobs::finished, &job)); });
  return env.Undefined();
}

Napi::Value measure_peak(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(info);
  const int32_t device = int32_argument(env, info[0], "device");
  const int32_t threads = int32_argument(env, info[1], "threads");
  const std::span<double> result = float64_array(env, info[2], "result");
  if (result.empty()) fail(FUSOR_ERROR_ARGUMENT, "result must have room for a number");
  fusor_environment* const engine = environment.engine();
  auto job = std::make_unique<Job>(environment, number_argument(env, info[3], "job"));
  job->destination = Napi::Persistent(info[2].As<Napi::Object>());
  environment.jobs().start(std::move(job), [&](Job& started) {
    check(fusor_measure_peak(engine, device, threads, result.data(), Jobs::finished, &started));
  });
  return env.Undefined();
}

}  // namespace fusor::binding
