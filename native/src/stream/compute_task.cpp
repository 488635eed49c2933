#include "stream/compute_task.h"

#include <new>

#include "stream/operand.h"

namespace fusor {

std::string labelled(const std::string& label, const std::string& op, const std::string& message) {
  const std::string prefix = op + ": ";
  const bool repeats = message.compare(0, prefix.size(), prefix) == 0;
  return label + ": " + (repeats ? message.substr(prefix.size()) : message);
}

void ComputeTask::add_input(const Stream& stream, Tensor* tensor) {
  if (tensor != nullptr) dependencies_.add(stream, tensor->storage());
  inputs_.push_back(Ref<Tensor>::share(tensor));
}

void ComputeTask::await_inputs(Stream& stream) {
  dependencies_.wait(stream);
  // The first input that failed says why; outputs carry its failure on as it is.
  for (const Ref<Tensor>& input : inputs_) {
    if (input) require_ready(input->storage());
  }
}

void ComputeTask::run(Stream& stream) {
  await_inputs(stream);
  try {
    compute(stream);
  } catch (const Error& error) {
    throw Error(error.failure->status(), labelled(label_, op_, error.failure->message()));
  } catch (const std::bad_alloc&) {
    throw Error(FUSOR_ERROR_OUT_OF_MEMORY, labelled(label_, op_, "out of host memory"));
  }
}

void ComputeTask::fail(Stream& stream, const Ref<Failure>& failure) {
  bool carried = false;
  for (const Ref<Storage>& output : outputs_) {
    output->fail(failure);
    carried = carried || !output->unique();
  }
  if (!carried) stream.report(failure);
}

}  // namespace fusor
