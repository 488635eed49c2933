// Queued work on plans.
#pragma once

#include <string>
#include <vector>

#include "plan/plan.h"
#include "stream/callback.h"
#include "stream/fence.h"

namespace fusor {

class BuildTask final : public Task {
 public:
  BuildTask(const Stream& stream, Graph graph, const fusor_plan_options& options,
            fusor_plan_callback callback, void* user_data);
  void run(Stream& stream) override;
  void fail(Stream& stream, const Ref<Failure>& failure) override;

 private:
  Ref<Plan> build(Stream& stream);

  Graph graph_;
  Dependencies dependencies_;
  const std::string cache_directory_;
  fusor_plan_options options_;
  const fusor_plan_callback callback_;
  void* const user_data_;
};

// What runs and profiles have in common: a plan, its inputs, and somebody who waits.
class PlanTask : public Task {
 public:
  PlanTask(const Stream& stream, Ref<Plan> plan, std::vector<Ref<Tensor>> inputs, Callback callback);
  void run(Stream& stream) final;
  void fail(Stream& stream, const Ref<Failure>& failure) final;

 protected:
  virtual void execute(Plan::Turn& turn) = 0;
  // Lets go of everything before the callback; `failure` is null after success.
  virtual void finish(Stream& stream, const Ref<Failure>& failure) = 0;
  const Plan& plan() const { return *plan_; }
  bool has_callback() const { return static_cast<bool>(callback_); }

 private:
  void let_go(Stream& stream, const Ref<Failure>& failure);

  Ref<Plan> plan_;
  std::vector<Ref<Tensor>> inputs_;
  Dependencies dependencies_;
  const Callback callback_;
};

class RunTask final : public PlanTask {
 public:
  RunTask(const Stream& stream, Ref<Plan> plan, std::vector<Ref<Tensor>> inputs,
          std::vector<Ref<Storage>> outputs, Callback callback)
      : PlanTask(stream, std::move(plan), std::move(inputs), callback), outputs_(std::move(outputs)) {}

 protected:
  void execute(Plan::Turn& turn) override;
  void finish(Stream& stream, const Ref<Failure>& failure) override;

 private:
  std::vector<Ref<Storage>> outputs_;
  std::vector<Ref<Memory>> memories_;
};

class ProfileTask final : public PlanTask {
 public:
  ProfileTask(const Stream& stream, Ref<Plan> plan, std::vector<Ref<Tensor>> inputs, int32_t repeats,
              double* seconds, Callback callback)
      : PlanTask(stream, std::move(plan), std::move(inputs), callback),
        repeats_(repeats),
        seconds_(seconds) {}

 protected:
  void execute(Plan::Turn& turn) override;
  void finish(Stream&, const Ref<Failure>&) override {}

 private:
  const int32_t repeats_;
  double* const seconds_;
};

}  // namespace fusor
