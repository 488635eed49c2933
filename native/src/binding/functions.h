// The addon's functions. What each takes and gives is declared, once, in ts/addon/addon.ts.
#pragma once

#include <napi.h>

namespace fusor::binding {

// devices.cpp
Napi::Value version(const Napi::CallbackInfo& info);
Napi::Value devices(const Napi::CallbackInfo& info);
Napi::Value load_backend(const Napi::CallbackInfo& info);
Napi::Value memory(const Napi::CallbackInfo& info);
Napi::Value empty_cache(const Napi::CallbackInfo& info);
Napi::Value limit_memory(const Napi::CallbackInfo& info);
Napi::Value get_threads(const Napi::CallbackInfo& info);
Napi::Value set_threads(const Napi::CallbackInfo& info);
Napi::Value synchronize(const Napi::CallbackInfo& info);
Napi::Value measure_peak(const Napi::CallbackInfo& info);

// tensors.cpp
Napi::Value create(const Napi::CallbackInfo& info);
Napi::Value retain(const Napi::CallbackInfo& info);
Napi::Value release(const Napi::CallbackInfo& info);
Napi::Value strides(const Napi::CallbackInfo& info);
Napi::Value read(const Napi::CallbackInfo& info);
Napi::Value to_device(const Napi::CallbackInfo& info);

// interop.cpp
Napi::Value share(const Napi::CallbackInfo& info);
Napi::Value adopt(const Napi::CallbackInfo& info);

// ops.cpp
Napi::Value schemas(const Napi::CallbackInfo& info);
Napi::Value run(const Napi::CallbackInfo& info);
Napi::Value infer(const Napi::CallbackInfo& info);

// plans.cpp
Napi::Value build_plan(const Napi::CallbackInfo& info);
Napi::Value run_plan(const Napi::CallbackInfo& info);
Napi::Value profile_plan(const Napi::CallbackInfo& info);
Napi::Value plan_summary(const Napi::CallbackInfo& info);
Napi::Value plan_step(const Napi::CallbackInfo& info);
Napi::Value release_plan(const Napi::CallbackInfo& info);

}  // namespace fusor::binding
