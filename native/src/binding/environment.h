// What one JavaScript environment (the main thread, or a worker) has of the engine. Kept as instance data of
// the environment, never in a static: each worker has its own streams, handles and callbacks.
//
// Everything here happens on the environment's JavaScript thread.
#pragma once

#include <napi.h>

#include <memory>
#include <span>
#include <string_view>
#include <unordered_set>

#include "binding/jobs.h"
#include "fusor/fusor.h"

namespace fusor::binding {

class Handle;

class Environment {
 public:
  // Makes the environment's instance data.
  static void create(Napi::Env env);
  static Environment& of(const Napi::CallbackInfo& info) {
    return *info.Env().GetInstanceData<Environment>();
  }

  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Handles and the thread-safe function outlive the instance data by a little, in an order that is Node's
  // business.
  void retain() { ++references_; }
  void release();

  napi_env env() const { return env_; }

  // The engine's environment: made at the first call that needs it, so that importing starts no thread.
  // Throws FUSOR_ERROR_DISPOSED once the JavaScript environment is being torn down.
  fusor_environment* engine();
  Jobs& jobs() { return jobs_; }

  // Numbers that pass without a call of Node-API for each: the attributes of an op on the way in, from 0 on;
  // the geometry of its outputs on the way out, from kGeometry on.
  static constexpr size_t kBlockSize = 320;
  static constexpr size_t kGeometry = 256;
  std::span<double> block() { return {block_data_, block_data_ == nullptr ? 0 : kBlockSize}; }

  // Takes the JavaScript side's callbacks; returns the block.
  Napi::Value initialize(const Napi::CallbackInfo& info);
  // The typed error for a status.
  Napi::Value make_error(fusor_status status, std::string_view message) const;
  Napi::FunctionReference& complete() { return complete_; }

  // Native memory that came (or went, below 0), for V8 to consider. Told to it in steps: each tells the
  // collector to think.
  void report_memory(int64_t bytes);

  void add(Handle* handle) { handles_.insert(handle); }
  void remove(Handle* handle) { handles_.erase(handle); }
  bool has(Handle* handle) const { return handles_.contains(handle); }

 private:
  explicit Environment(napi_env env);
  ~Environment() = default;
  static void clean_up(void* environment);
  static void forget(Napi::Env env, Environment* environment);
  void shut_down();

  napi_env env_;
  int64_t references_ = 1;
  bool closed_ = false;
  fusor_environment* engine_ = nullptr;
  Jobs jobs_;
  Napi::FunctionReference make_error_;
  Napi::FunctionReference complete_;
  Napi::ObjectReference block_;
  double* block_data_ = nullptr;
  int64_t unreported_bytes_ = 0;
  std::unordered_set<Handle*> handles_;  // what an object must wrap to be one of ours
};

}  // namespace fusor::binding
