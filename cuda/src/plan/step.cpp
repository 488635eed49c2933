#include "plan/step.h"

#include <cstring>
#include <utility>

#include "backend/forms.h"
#include "copy/copy.h"

namespace fusor::cuda {

Status DeviceMemory::allocate(int64_t bytes) {
  device_.release(std::exchange(data_, nullptr));
  bytes_ = 0;
  FUSOR_RETURN_IF_ERROR(device_.check(device_.allocate(bytes, &data_)));
  bytes_ = bytes;
  return {};
}

// Requests of a step come in the same order in every run, so each finds its memory where the first run put
// it.
Status PlanContext::workspace(int64_t bytes, void** pointer) {
  if (used_ == workspaces_.size()) workspaces_.emplace_back(device_);
  DeviceMemory& memory = workspaces_[used_];
  if (memory.bytes() < bytes || memory.data() == nullptr) {
    grew_ = true;
    FUSOR_RETURN_IF_ERROR(memory.allocate(bytes));
  }
  ++used_;
  *pointer = memory.data();
  return {};
}

Status PlanContext::row_major(const fusor_buffer& source, fusor_buffer* result) {
  return in_form(source, InputForm::kRowMajor, result);
}

Status PlanContext::channels_last(const fusor_buffer& source, fusor_buffer* result) {
  return in_form(source, InputForm::kChannelsLast, result);
}

Status PlanContext::in_form(const fusor_buffer& source, InputForm form, fusor_buffer* result) {
  *result = source;
  if (has_form(source, form) && is_aligned(source)) return {};
  *result = copy_in_form(source, form);
  FUSOR_RETURN_IF_ERROR(workspace(result->byte_size, &result->data));
  return copy_elements(stream, source, *result);
}

fusor_buffer StepMemory::resolve(const Operand& operand) const {
  fusor_buffer buffer = operand.geometry;
  const auto index = static_cast<size_t>(operand.index);
  switch (operand.place) {
    case Operand::Place::kInput:
      buffer.data = const_cast<void*>(run.inputs[index]);
      break;
    case Operand::Place::kOutput:
      buffer.data = run.outputs[index];
      break;
    case Operand::Place::kBuffer:
      buffer.data = run.buffers[index];
      break;
    case Operand::Place::kConstant:
      buffer.data = constants[index].data();
      break;
    case Operand::Place::kNone:
      buffer.data = nullptr;
      break;
  }
  return buffer;
}

namespace {

// Attribute structs start with their size.
std::vector<unsigned char> copy_attributes(const void* attributes) {
  if (attributes == nullptr) return {};
  uint32_t size = 0;
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
    if (arguments_[i].place == Operand::Place::kConstant && i < 32) constants_ |= uint32_t{1} << i;
  }
  for (size_t i = 0; i < results_.size(); ++i) outputs_.push_back(&buffers_[arguments_.size() + i]);
  writes = results_;
}

Status OpStep::run(PlanContext& context, const StepMemory& memory) {
  for (size_t i = 0; i < arguments_.size(); ++i) {
    if (arguments_[i]) buffers_[i] = memory.resolve(arguments_[i]);
  }
  for (size_t i = 0; i < results_.size(); ++i) *outputs_[i] = memory.resolve(results_[i]);
  fusor_op_call call{};
  call.struct_size = sizeof call;
  call.op = entry_.op;
  call.attributes = attributes_.empty() ? nullptr : attributes_.data();
  call.inputs = inputs_.data();
  call.input_count = static_cast<int32_t>(inputs_.size());
  call.outputs = outputs_.data();
  call.output_count = static_cast<int32_t>(outputs_.size());
  context.set_constants(constants_);
  return entry_.run(context, call);
}

CopyStep::CopyStep(const Operand& source, const Operand& destination) {
  reads = {source};
  writes = {destination};
}

Status CopyStep::run(PlanContext& context, const StepMemory& memory) {
  return copy_elements(context.stream, memory.resolve(reads[0]), memory.resolve(writes[0]));
}

}  // namespace fusor::cuda
