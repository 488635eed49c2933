#include "cpu/where/where.h"

#include <bit>

#include "cpu/elementwise/loop.h"

namespace fusor::cpu {
namespace {

fusor_status prepare(const KernelSet&, const fusor_op_call&) {
  return FUSOR_OK;
}  // moves elements of any dtype

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const fusor_buffer& output = *call.outputs[0];
  const int64_t size = element_size(output.dtype);
  const auto& kernels = context.kernels.where->select[std::countr_zero(static_cast<uint64_t>(size))];
  const fusor_buffer* inputs[3] = {call.inputs[0], call.inputs[1], call.inputs[2]};
  fusor_buffer copies[3];
  if (const fusor_status status = straighten(context, inputs, 3, copies)) return status;
  const ElementwiseLoop loop(output, inputs, 3);
  loop.run(context, 3 * size + 1, [&](const ElementwiseLoop::Piece& piece) {
    const int ones = piece.is_one[0] + 2 * piece.is_one[1] + 4 * piece.is_one[2];
    kernels[ones](static_cast<const uint8_t*>(piece.inputs[0]), piece.inputs[1], piece.inputs[2],
                  static_cast<char*>(piece.output), piece.count);
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry where_op{FUSOR_OP_WHERE, /*takes_strides=*/true, /*takes_blocked=*/false, prepare, run};

}  // namespace fusor::cpu
