#include "engine/run_op.h"

#include <algorithm>
#include <memory>

#include "engine/devices.h"
#include "stream/move_tasks.h"
#include "stream/op_task.h"
#include "stream/operand.h"
#include "tensor/dtype.h"

namespace fusor {
namespace {

std::string input_text(int32_t op, size_t index) {
  const fusor_op_schema& schema = op_definition(op)->schema;
  return op == FUSOR_OP_CONCAT ? text("input ", index) : std::string(schema.inputs[index]);
}

// The view that this op gives, if it only gives a view.
std::optional<View> as_view(int32_t op, const void* attributes, const View& view, const Shape& shape) {
  switch (op) {
    case FUSOR_OP_RESHAPE:
      return reshaped(view, shape);
    case FUSOR_OP_EXPAND:
      return expanded(view, shape);
    case FUSOR_OP_PERMUTE: {
      const auto& given = *static_cast<const fusor_permute_attributes*>(attributes);
      return permuted(view, std::span(given.order, static_cast<size_t>(given.rank)));
    }
    case FUSOR_OP_SLICE: {
      const auto& given = *static_cast<const fusor_slice_attributes*>(attributes);
      const auto rank = static_cast<size_t>(given.rank);
      return sliced(view, std::span(given.start, rank), std::span(given.end, rank),
                    std::span(given.step, rank));
    }
    default:
      return std::nullopt;
  }
}

// Ops that the engine does itself, once they turned out to be no views.
bool is_copy(int32_t op, const void* attributes, std::span<Tensor* const> inputs) {
  if (op == FUSOR_OP_RESHAPE) return true;
  return op == FUSOR_OP_CONVERT &&
         static_cast<const fusor_convert_attributes*>(attributes)->dtype == inputs[0]->dtype();
}

std::unique_ptr<ComputeTask> make_task(int32_t op, const void* attributes, std::string label,
                                       std::span<Tensor* const> inputs) {
  if (op == FUSOR_OP_ASSIGN) return std::make_unique<AssignTask>(std::move(label));
  if (is_copy(op, attributes, inputs)) {
    return std::make_unique<CopyTask>(std::move(label), op_name(op, attributes));
  }
  return std::make_unique<OpTask>(op, attributes, std::move(label));
}

// Asks the backend before anything is queued, so that what it has no kernel for fails in the call itself.
void require_supported(const Device& device, int32_t op, const void* attributes,
                       std::span<const TensorType* const> inputs, std::span<const TensorType> outputs) {
  if (device.backend->supports == nullptr) return;
  std::vector<fusor_buffer> buffers;
  buffers.reserve(inputs.size() + outputs.size());
  const auto describe_type = [&buffers](const TensorType& type) {
    return &buffers.emplace_back(contiguous_buffer(type.dtype, type.shape, nullptr, 0));
  };
  std::vector<const fusor_buffer*> input_buffers;
  for (const TensorType* input : inputs) {
    input_buffers.push_back(input != nullptr ? describe_type(*input) : nullptr);
  }
  std::vector<fusor_buffer*> output_buffers;
  for (const TensorType& output : outputs) output_buffers.push_back(describe_type(output));
  fusor_op_call call{};
  call.struct_size = sizeof call;
  call.op = op;
  call.attributes = attributes;
  call.inputs = input_buffers.data();
  call.input_count = static_cast<int32_t>(input_buffers.size());
  call.outputs = output_buffers.data();
  call.output_count = static_cast<int32_t>(output_buffers.size());
  const fusor_status status = device.backend->supports(&call);
  if (status == FUSOR_OK) return;
  const std::string message = device.backend->last_error();
  fail(status, labelled(op_name(op, attributes), op_definition(op)->schema.name, message));
}

void require_writable(const Tensor& destination) {
  if (destination.view().is_injective()) return;
  fail(FUSOR_ERROR_ARGUMENT, "assign: destination ", destination.shape(),
       " is expanded: several of its elements are one in memory");
}

}  // namespace

const Device* common_device(int32_t op, const void* attributes, std::span<const Device* const> devices) {
  const Device* common = nullptr;
  size_t first = 0;
  for (size_t i = 0; i < devices.size(); ++i) {
    if (devices[i] == nullptr || devices[i] == common) continue;
    if (common != nullptr) {
      fail(FUSOR_ERROR_DEVICE, op_name(op, attributes), ": ", input_text(op, first), " is on ", common->id,
           " but ", input_text(op, i), " is on ", devices[i]->id);
    }
    common = devices[i];
    first = i;
  }
  return common;
}

void require_output_count(int32_t op, int32_t count) {
  const fusor_op_schema& schema = op_definition(op)->schema;
  if (count == schema.outputs) return;
  fail(FUSOR_ERROR_ARGUMENT, schema.name, " gives ", schema.outputs, " outputs, not ", count);
}

fusor_tensor_info tensor_info(const TensorType& type, int32_t device) {
  fusor_tensor_info info{};
  const View view = View::contiguous(type.shape);
  info.dtype = type.dtype;
  info.rank = type.shape.rank();
  info.device = device;
  std::copy(type.shape.sizes().begin(), type.shape.sizes().end(), info.sizes);
  std::copy(view.strides.begin(), view.strides.end(), info.strides);
  info.byte_size = type.shape.elements() * dtype_size(type.dtype);
  return info;
}

std::vector<Ref<Tensor>> run_op(Environment& environment, int32_t device_number, int32_t op,
                                const void* attributes, std::span<Tensor* const> inputs, int32_t output_count,
                                const char* label) {
  std::vector<TensorType> types(inputs.size());
  std::vector<const TensorType*> given(inputs.size(), nullptr);
  std::vector<const Device*> devices(inputs.size(), nullptr);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr) continue;
    types[i] = {inputs[i]->dtype(), inputs[i]->shape()};
    given[i] = &types[i];
    devices[i] = &inputs[i]->device();
  }
  const auto outputs = infer(op, attributes, given);
  require_output_count(op, output_count);
  const Device* common = common_device(op, attributes, devices);
  Device& device = usable_device(common != nullptr ? common->number : device_number);

  if (!inputs.empty() && inputs[0] != nullptr) {
    if (const auto view = as_view(op, attributes, inputs[0]->view(), outputs[0].shape)) {
      std::vector<Ref<Tensor>> results;
      results.push_back(make_ref<Tensor>(inputs[0]->storage_ref(), *view));
      return results;
    }
  }
  if (op == FUSOR_OP_ASSIGN) {
    require_writable(*inputs[0]);
  } else if (!is_copy(op, attributes, inputs)) {
    require_supported(device, op, attributes, given,
                      std::span(outputs.data(), static_cast<size_t>(output_count)));
  }

  Stream& stream = environment.stream(device);
  std::unique_ptr<ComputeTask> task =
      make_task(op, attributes, label != nullptr ? label : op_name(op, attributes), inputs);
  for (Tensor* input : inputs) task->add_input(stream, input);
  std::vector<Ref<Tensor>> results;
  for (int32_t i = 0; i < output_count; ++i) {
    const TensorType& type = outputs[static_cast<size_t>(i)];
    auto storage = make_ref<Storage>(device, type.dtype, type.shape);
    storage->set_home(Ref<Counted>::share(&stream));
    task->add_output(storage);
    results.push_back(make_ref<Tensor>(std::move(storage)));
  }
  stream.push_bounded(std::move(task));
  if (op == FUSOR_OP_ASSIGN) inputs[0]->storage().set_home(Ref<Counted>::share(&stream));
  return results;
}

}  // namespace fusor
