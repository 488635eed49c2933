// The addon's table of contents.
#include <napi.h>

#include <exception>
#include <new>

#include "binding/environment.h"
#include "binding/failure.h"
#include "binding/functions.h"

namespace fusor::binding {
namespace {

Napi::Value initialize(const Napi::CallbackInfo& info) {
  return Environment::of(info).initialize(info);
}

// Runs a function of the table; what it throws becomes one of the typed errors.
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value checked(const Napi::CallbackInfo& info) {
  const auto error = [&info](fusor_status status, std::string_view message) {
    return Napi::Error(info.Env(), Environment::of(info).make_error(status, message));
  };
  try {
    return function(info);
  } catch (const Failure& failure) {
    throw error(failure.status, failure.message);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw error(FUSOR_ERROR_OUT_OF_MEMORY, "the process has no memory left");
  } catch (const std::exception& unexpected) {
    throw error(FUSOR_ERROR_INTERNAL, unexpected.what());
  }
}

template <Napi::Value (*function)(const Napi::CallbackInfo&)>
void add(Napi::Object& exports, const char* name) {
  exports.Set(name, Napi::Function::New<checked<function>>(exports.Env(), name));
}

Napi::Object initialize_module(Napi::Env env, Napi::Object exports) {
  Environment::create(env);
  add<initialize>(exports, "initialize");
  add<version>(exports, "version");

  add<devices>(exports, "devices");
  add<load_backend>(exports, "loadBackend");
  add<memory>(exports, "memory");
  add<empty_cache>(exports, "emptyCache");
  add<limit_memory>(exports, "limitMemory");
  add<get_threads>(exports, "getThreads");
  add<set_threads>(exports, "setThreads");
  add<synchronize>(exports, "synchronize");
  add<measure_peak>(exports, "measurePeak");

  add<create>(exports, "create");
  add<retain>(exports, "retain");
  add<release>(exports, "release");
  add<strides>(exports, "strides");
  add<read>(exports, "read");
  add<to_device>(exports, "toDevice");

  add<share>(exports, "share");
  add<adopt>(exports, "adopt");

  add<schemas>(exports, "schemas");
  add<run>(exports, "run");
  add<infer>(exports, "infer");

  add<build_plan>(exports, "buildPlan");
  add<run_plan>(exports, "runPlan");
  add<profile_plan>(exports, "profilePlan");
  add<plan_summary>(exports, "planSummary");
  add<plan_step>(exports, "planStep");
  add<release_plan>(exports, "releasePlan");
  return exports;
}

}  // namespace
}  // namespace fusor::binding

static Napi::Object initialize_fusor(Napi::Env env, Napi::Object exports) {
  try {
    return fusor::binding::initialize_module(env, exports);
  } catch (const std::bad_alloc&) {
    throw Napi::Error::New(env, "the process has no memory left");
  }
}
NODE_API_MODULE(fusor, initialize_fusor)
