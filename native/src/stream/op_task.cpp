#include "stream/op_task.h"

#include <array>
#include <vector>

#include "stream/operand.h"

namespace fusor {

void OpTask::compute(Stream& stream) {
  std::vector<Operand> operands(inputs().size());
  std::vector<const fusor_buffer*> input_buffers(inputs().size(), nullptr);
  for (size_t i = 0; i < inputs().size(); ++i) {
    if (!inputs()[i]) continue;
    operands[i] = operand(stream, *inputs()[i]);
    input_buffers[i] = &operands[i].buffer;
  }
  std::array<fusor_buffer, FUSOR_MAX_OUTPUTS> buffers;
  std::array<fusor_buffer*, FUSOR_MAX_OUTPUTS> output_buffers{};
  for (size_t i = 0; i < outputs().size(); ++i) {
    const Storage& storage = *outputs()[i];
    buffers[i] = contiguous_buffer(storage.dtype(), storage.shape(), nullptr, storage.bytes());
    output_buffers[i] = &buffers[i];
  }
  fusor_op_call call{};
  call.struct_size = sizeof call;
  call.op = op_;
  call.attributes = attributes_.get();
  call.inputs = input_buffers.data();
  call.input_count = static_cast<int32_t>(input_buffers.size());
  call.outputs = output_buffers.data();
  call.output_count = static_cast<int32_t>(outputs().size());

  const fusor_backend& backend = *stream.device().backend;
  stream.check(backend.prepare_op(stream.backend_stream(), &call));
  std::array<Ref<Memory>, FUSOR_MAX_OUTPUTS> memories;
  for (size_t i = 0; i < outputs().size(); ++i) {
    const PhysicalLayout layout = physical_layout(buffers[i], outputs()[i]->shape());
    memories[i] = make_ref<Memory>(stream.device(), buffers[i].byte_size, layout);
    buffers[i].data = memories[i]->data();
    // The bytes of an op's result change only through assign, which raises the version.
    buffers[i].identity = outputs()[i]->identity();
    buffers[i].version = outputs()[i]->version();
  }
  stream.check(backend.run_op(stream.backend_stream(), &call));
  for (size_t i = 0; i < outputs().size(); ++i) outputs()[i]->fill(std::move(memories[i]));
}

}  // namespace fusor
