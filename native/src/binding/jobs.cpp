#include "binding/jobs.h"

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/failure.h"
#include "binding/handles.h"

namespace fusor::binding {

void Jobs::open() {
  if (function_ != nullptr) return;
  const Napi::Env env(environment_.env());
  const auto name = Napi::String::New(env, "fusor");
  const auto finalize = [](napi_env, void* environment, void*) {
    static_cast<Environment*>(environment)->release();
  };
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, &environment_, finalize, this,
                                      deliver, &function_) != napi_ok) {
    fail(FUSOR_ERROR_INTERNAL, "cannot make a thread-safe function");
  }
  environment_.retain();
  napi_unref_threadsafe_function(env, function_);
}

void Jobs::begin() {
  if (under_way_++ == 0) napi_ref_threadsafe_function(environment_.env(), function_);
}

void Jobs::finished(void* user_data, fusor_status status, const char* message) {
  plan_finished(user_data, status, message, nullptr);
}

void Jobs::plan_finished(void* user_data, fusor_status status, const char* message, fusor_plan* plan) {
  auto* job = static_cast<Job*>(user_data);
  job->status = status;
  job->plan = plan;
  try {
    if (status != FUSOR_OK) job->message = message;
  } catch (const std::bad_alloc&) {
    job->status = FUSOR_ERROR_OUT_OF_MEMORY;  // told without a message
  }
  job->environment.jobs().push(job);
}

void Jobs::push(Job* job) {
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = first_done_ == nullptr;
    (first ? first_done_ : last_done_->next) = job;
    last_done_ = job;
  }
  // Later ones of the batch travel with the first.
  if (first) napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

Job* Jobs::take() {
  const std::lock_guard lock(mutex_);
  last_done_ = nullptr;
  return std::exchange(first_done_, nullptr);
}

void Jobs::deliver(napi_env env, napi_value, void* jobs, void*) {
  if (env == nullptr) return;  // torn down: nobody waits
  try {
    static_cast<Jobs*>(jobs)->deliver(env);
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  }
}

void Jobs::deliver(Napi::Env env) {
  const Napi::HandleScope scope(env);
  auto completions = Napi::Array::New(env);
  uint32_t count = 0;
  // An environment that is being terminated may refuse anything at any point: what is left goes all the same.
  std::unique_ptr<Job, void (*)(Job*)> rest(take(), destroy);
  while (rest != nullptr) {
    const std::unique_ptr<Job> job(rest.release());
    rest.reset(std::exchange(job->next, nullptr));
    completions.Set(count++, completion(env, *job));
  }
  if (count == 0) return;
  under_way_ -= count;
  if (under_way_ == 0) napi_unref_threadsafe_function(env, function_);
  if (!environment_.complete().IsEmpty()) environment_.complete().Call({completions});
}

// The plan that the job built, or null; without the memory for a handle the job has failed after all.
Napi::Value Jobs::take_plan(Napi::Env env, Job& job) {
  if (job.plan == nullptr) return env.Null();
  try {
    return Handle::wrap(environment_, PlanReference(std::exchange(job.plan, nullptr)));
  } catch (const std::bad_alloc&) {
    job.status = FUSOR_ERROR_OUT_OF_MEMORY;
  } catch (const Failure& failure) {
    job.status = failure.status;
  }
  return env.Null();
}

Napi::Value Jobs::completion(Napi::Env env, Job& job) {
  std::string_view message = job.message;
  if (job.staging != nullptr && job.status == FUSOR_OK) {
    const std::span<char> bytes = typed_array_bytes(env, job.destination.Value(), "target");
    if (bytes.size() == job.staging_bytes) {
      std::copy(job.staging.get(), job.staging.get() + job.staging_bytes, bytes.data());
    } else {
      job.status = FUSOR_ERROR_ARGUMENT;
      message = "readInto: target was transferred away or resized before it was filled";
    }
  }
  const Napi::Value plan = take_plan(env, job);
  if (job.status == FUSOR_ERROR_OUT_OF_MEMORY && message.empty()) message = "the process has no memory left";
  auto tuple = Napi::Array::New(env, 4);
  tuple.Set(0u, job.id);
  tuple.Set(1u, Napi::Number::New(env, job.status));
  // As a bare value: for a Napi::String, Set() makes a std::string of it and a second one of that.
  const napi_value text = Napi::String::New(env, message.data(), message.size());
  tuple.Set(2u, text);
  tuple.Set(3u, plan);
  return tuple;
}

void Jobs::destroy(Job* first) {
  while (first != nullptr) delete std::exchange(first, first->next);
}

void Jobs::drop() {
  destroy(take());
}

}  // namespace fusor::binding
