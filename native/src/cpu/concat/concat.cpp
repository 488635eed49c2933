// Concatenation: each input is copied into its part of the output.
#include "cpu/concat/concat.h"

#include "cpu/layout/convert.h"

namespace fusor::cpu {

namespace {

fusor_status prepare(const KernelSet&, const fusor_op_call&) {
  return FUSOR_OK;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const int32_t dim = static_cast<const fusor_dim_attributes*>(call.attributes)->dim;
  fusor_buffer part = *call.outputs[0];
  for (int32_t i = 0; i < call.input_count; ++i) {
    const fusor_buffer& input = *call.inputs[i];
    part.sizes[dim] = input.sizes[dim];
    if (element_count(input) > 0)
      if (fusor_status status = convert_layout(context.kernels, context.pool, context.threads, input, part))
        return status;
    part.byte_offset += part.sizes[dim] * part.strides[dim] * element_size(part.dtype);
  }
  return FUSOR_OK;
}

}  // namespace

const OpEntry concat_op{FUSOR_OP_CONCAT, /*takes_strides=*/true, /*takes_blocked=*/true, prepare, run};

}  // namespace fusor::cpu
