#include "cpu/convert/convert.h"

#include "cpu/elementwise/loop.h"
#include "cpu/layout/convert.h"

namespace fusor::cpu {
namespace {

fusor_status prepare(const KernelSet&, const fusor_op_call&) {
  return FUSOR_OK;
}  // every pair of dtypes

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const fusor_buffer &input = *call.inputs[0], &output = *call.outputs[0];
  const auto convert = context.kernels.convert->convert[input.dtype][output.dtype];
  const int64_t from_size = element_size(input.dtype), to_size = element_size(output.dtype);
  if (input.dtype == output.dtype) {
    return convert_layout(context.kernels, context.pool, context.threads, input, output);
  }
  const fusor_buffer* inputs[1] = {&input};
  fusor_buffer copies[1];
  if (const fusor_status status = straighten(context, inputs, 1, copies)) return status;
  const ElementwiseLoop loop(output, inputs, 1);
  loop.run(context, from_size + to_size, [&](const ElementwiseLoop::Piece& piece) {
    char* to = static_cast<char*>(piece.output);
    if (!piece.is_one[0]) {
      convert(piece.inputs[0], to, piece.count);
      return;
    }
    convert(piece.inputs[0], to, 1);
    repeat_element(to, to_size, piece.count);
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry convert_op{FUSOR_OP_CONVERT, /*takes_strides=*/true, /*takes_blocked=*/false, prepare, run};

}  // namespace fusor::cpu
