#include <algorithm>

#include "plan/tasks.h"

namespace fusor {

PlanTask::PlanTask(const Stream& stream, Ref<Plan> plan, std::vector<Ref<Tensor>> inputs, Callback callback)
    : plan_(std::move(plan)), inputs_(std::move(inputs)), callback_(callback) {
  for (const Ref<Tensor>& input : inputs_) dependencies_.add(stream, input->storage());
}

void PlanTask::run(Stream& stream) {
  dependencies_.wait(stream);
  for (const Ref<Tensor>& input : inputs_) require_ready(input->storage());
  {
    Plan::Turn turn(*plan_, stream);
    turn.set_inputs(inputs_);
    execute(turn);
  }
  let_go(stream, nullptr);
  // Failures of devices that work ahead show later, while somebody listens.
  if (callback_) stream.call_when_finished(callback_);
}

void PlanTask::fail(Stream& stream, const Ref<Failure>& failure) {
  let_go(stream, failure);
  callback_.fail(failure);
}

void PlanTask::let_go(Stream& stream, const Ref<Failure>& failure) {
  finish(stream, failure);
  inputs_.clear();
  plan_ = nullptr;
}

void RunTask::execute(Plan::Turn& turn) {
  std::vector<Ref<Memory>> memories = turn.allocate_outputs();
  turn.run(memories);
  memories_ = std::move(memories);
}

void RunTask::finish(Stream& stream, const Ref<Failure>& failure) {
  bool carried = has_callback();
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (failure) {
      outputs_[i]->fail(failure);
    } else {
      outputs_[i]->fill(std::move(memories_[i]));
    }
    carried = carried || !outputs_[i]->unique();
  }
  if (failure && !carried) stream.report(failure);
  memories_.clear();
  outputs_.clear();
}

void ProfileTask::execute(Plan::Turn& turn) {
  const std::vector<Ref<Memory>> memories = turn.allocate_outputs();
  const size_t steps = plan().steps().size();
  std::vector<double> times(steps * static_cast<size_t>(repeats_));
  turn.run(memories);
  for (int32_t repeat = 0; repeat < repeats_; ++repeat) {
    turn.run(memories, times.data() + steps * static_cast<size_t>(repeat));
  }
  std::vector<double> of_step(static_cast<size_t>(repeats_));
  const size_t middle = of_step.size() / 2;
  for (size_t step = 0; step < steps; ++step) {
    for (size_t repeat = 0; repeat < of_step.size(); ++repeat) of_step[repeat] = times[repeat * steps + step];
    std::sort(of_step.begin(), of_step.end());
    seconds_[step] = of_step.size() % 2 == 1 ? of_step[middle] : (of_step[middle - 1] + of_step[middle]) / 2;
  }
}

}  // namespace fusor
