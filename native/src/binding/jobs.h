// Asynchronous calls. The engine reports the end of one on a stream's thread; here the ends are collected and
// handed to JavaScript in batches, through one thread-safe function for the environment. It keeps the process
// alive while jobs are under way, and only then.
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <string>

#include "fusor/fusor.h"

namespace fusor::binding {

class Environment;

// One asynchronous call, from its start to the call of `complete` in JavaScript. Made and destroyed on the
// JavaScript thread.
struct Job {
  Job(Environment& of, double number) : environment(of), id(number) {}
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job() {
    if (plan != nullptr) fusor_plan_release(plan);
  }

  Environment& environment;
  double id;  // JavaScript's
  fusor_status status = FUSOR_OK;
  std::string message;
  fusor_plan* plan = nullptr;         // built by the job, its own until it is delivered
  Napi::ObjectReference destination;  // the array that the job writes
  // Where the stream writes if JavaScript could pull the array's memory away meanwhile; copied at the end.
  std::unique_ptr<char[]> staging;
  size_t staging_bytes = 0;
  Job* next = nullptr;  // in the list of those that are done
};

class Jobs {
 public:
  explicit Jobs(Environment& environment) : environment_(environment) {}

  // Makes the thread-safe function.
  void open();
  // Starts a job with what `start` does (which gets the job as the callback's user_data and throws if the
  // engine refuses it).
  template <class Start>
  void start(std::unique_ptr<Job> job, Start&& start) {
    start(*job);
    job.release();  // the callback's from here on
    begin();
  }

  // For the engine: callbacks whose user_data is a Job. Any thread.
  static void finished(void* job, fusor_status status, const char* message);
  static void plan_finished(void* job, fusor_status status, const char* message, fusor_plan* plan);

  // When the environment goes and no callback can come any more: forgets what was not delivered.
  void drop();

 private:
  void begin();
  void push(Job* job);
  static void deliver(napi_env env, napi_value, void* jobs, void*);
  void deliver(Napi::Env env);
  Napi::Value completion(Napi::Env env, Job& job);
  Napi::Value take_plan(Napi::Env env, Job& job);
  Job* take();
  // Destroys a list of jobs.
  static void destroy(Job* first);

  Environment& environment_;
  napi_threadsafe_function function_ = nullptr;
  int64_t under_way_ = 0;  // JavaScript thread only
  std::mutex mutex_;
  // The jobs that are done, in order: linked through themselves, since the end of a job must be told without
  // memory.
  Job *first_done_ = nullptr, *last_done_ = nullptr;  // guarded
};

}  // namespace fusor::binding
