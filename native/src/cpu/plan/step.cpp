#include "cpu/plan/step.h"

#include <cstring>
#include <utility>

#include "cpu/layout/convert.h"

namespace fusor::cpu {

fusor_buffer StepContext::resolve(const Operand& operand) const {
  fusor_buffer buffer = operand.geometry;
  switch (operand.place) {
    case Operand::Place::Input:
      buffer.data = const_cast<void*>(memory.inputs[operand.index]);
      break;
    case Operand::Place::Output:
      buffer.data = memory.outputs[operand.index];
      break;
    case Operand::Place::Buffer:
      buffer.data = memory.buffers[operand.index];
      break;
    case Operand::Place::Constant:
      buffer.data = constants[operand.index].data();
      break;
    case Operand::Place::None:
      buffer.data = nullptr;
      break;
  }
  return buffer;
}

ConvolutionStep::ConvolutionStep(std::unique_ptr<Convolution> convolution, bool has_residual)
    : convolution_(std::move(convolution)), has_residual_(has_residual) {}

fusor_status ConvolutionStep::run(const StepContext& context) const {
  const fusor_buffer input = context.resolve(reads[0]);
  Convolution::Arguments arguments;
  if (convolution_->input_form() == Convolution::InputForm::Planar)
    arguments.planar = data_of<const float>(input);
  else
    arguments.input = blocked_view(input);
  BlockedView residual;
  if (has_residual_) {
    residual = blocked_view(context.resolve(reads[1]));
    arguments.residual = &residual;
  }
  arguments.output = blocked_view(context.resolve(writes[0]));
  if (writes.size() > 1) arguments.workspace = context.resolve(writes[1]).data;
  convolution_->run(context.pool, context.threads, arguments);
  return FUSOR_OK;
}

namespace {

// Attribute structs start with their size.
std::vector<unsigned char> copy_attributes(const void* attributes) {
  if (!attributes) return {};
  uint32_t size;
  std::memcpy(&size, attributes, sizeof size);
  const auto* bytes = static_cast<const unsigned char*>(attributes);
  return {bytes, bytes + size};
}

}  // namespace

OpStep::OpStep(const OpEntry& entry, const void* attributes, std::vector<Operand> arguments,
               std::vector<Operand> results)
    : entry_(entry),
      attributes_(copy_attributes(attributes)),
      arguments_(std::move(arguments)),
      results_(std::move(results)),
      buffers_(arguments_.size() + results_.size()) {
  for (size_t i = 0; i < arguments_.size(); ++i) {
    inputs_.push_back(arguments_[i] ? &buffers_[i] : nullptr);
    if (arguments_[i]) reads.push_back(arguments_[i]);
  }
  for (size_t i = 0; i < results_.size(); ++i) outputs_.push_back(&buffers_[arguments_.size() + i]);
  writes = results_;
}

fusor_status OpStep::run(const StepContext& context) const {
  for (size_t i = 0; i < arguments_.size(); ++i)
    if (arguments_[i]) buffers_[i] = context.resolve(arguments_[i]);
  for (size_t i = 0; i < results_.size(); ++i) *outputs_[i] = context.resolve(results_[i]);
  const fusor_op_call call{sizeof(fusor_op_call),
                           entry_.op,
                           attributes_.empty() ? nullptr : attributes_.data(),
                           inputs_.data(),
                           static_cast<int32_t>(inputs_.size()),
                           outputs_.data(),
                           static_cast<int32_t>(outputs_.size())};
  OpContext op{context.kernels, context.pool, context.threads, context.scratch};
  return entry_.run(op, call);
}

LayoutStep::LayoutStep(const Operand& source, const Operand& destination) {
  reads = {source};
  writes = {destination};
}

fusor_status LayoutStep::run(const StepContext& context) const {
  return convert_layout(context.kernels, context.pool, context.threads, context.resolve(reads[0]),
                        context.resolve(writes[0]));
}

}  // namespace fusor::cpu
