#include "concat/concat.h"

#include "copy/copy.h"

namespace fusor::cuda {
namespace {

// Channels-last if all inputs are: the joined image then is what convolutions read.
Status prepare(const fusor_op_call& call) {
  for (int32_t i = 0; i < call.input_count; ++i)
    if (!is_channels_last(*call.inputs[i])) return {};
  set_channels_last(*call.outputs[0]);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const int32_t dim = static_cast<const fusor_dim_attributes*>(call.attributes)->dim;
  fusor_buffer part = *call.outputs[0];
  for (int32_t i = 0; i < call.input_count; ++i) {
    const fusor_buffer& input = *call.inputs[i];
    part.sizes[dim] = input.sizes[dim];
    if (element_count(input) > 0) FUSOR_RETURN_IF_ERROR(copy_elements(context.stream, input, part));
    part.byte_offset += part.sizes[dim] * part.strides[dim] * element_size(part.dtype);
  }
  return {};
}

}  // namespace

const OpEntry kConcat{FUSOR_OP_CONCAT, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
