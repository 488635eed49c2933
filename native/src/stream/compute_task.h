// What all queued work that makes or changes tensors has in common: inputs that must be ready, outputs that
// take the failure when something goes wrong, and a label for the message.
#pragma once

#include <string>
#include <vector>

#include "stream/fence.h"
#include "stream/stream.h"
#include "tensor/tensor.h"

namespace fusor {

class ComputeTask : public Task {
 public:
  // `label` is what messages call this work; `op` is its plain name, which backends' messages may repeat.
  ComputeTask(std::string label, std::string op) : label_(std::move(label)), op_(std::move(op)) {}

  // Null for an absent optional input.
  void add_input(const Stream& stream, Tensor* tensor);
  void add_output(Ref<Storage> storage) { outputs_.push_back(std::move(storage)); }

  void run(Stream& stream) final;
  void fail(Stream& stream, const Ref<Failure>& failure) final;

 protected:
  // Waits until the inputs are as they should be; throws what they failed of.
  virtual void await_inputs(Stream& stream);
  virtual void compute(Stream& stream) = 0;

  const std::vector<Ref<Tensor>>& inputs() const { return inputs_; }
  const std::vector<Ref<Storage>>& outputs() const { return outputs_; }

 private:
  const std::string label_, op_;
  Dependencies dependencies_;
  std::vector<Ref<Tensor>> inputs_;
  std::vector<Ref<Storage>> outputs_;
};

// "label: what went wrong", without saying the op's name twice.
std::string labelled(const std::string& label, const std::string& op, const std::string& message);

}  // namespace fusor
