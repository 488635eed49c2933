#include "cpu/residual_add/residual_add.h"

#include <algorithm>

#include "cpu/elementwise/loop.h"
#include "cpu/layout/blocked.h"
#include "cpu/layout/convert.h"

namespace fusor::cpu {

namespace {

bool any_blocked(const fusor_op_call& call) {
  return call.inputs[0]->layout == FUSOR_LAYOUT_BLOCKED || call.inputs[1]->layout == FUSOR_LAYOUT_BLOCKED;
}

fusor_status prepare(const KernelSet& kernels, const fusor_op_call& call) {
  for (int32_t i = 0; i < 2; ++i)
    if (call.inputs[i]->dtype != FUSOR_F32)
      return fail(FUSOR_ERROR_DTYPE, "residualAdd: the CPU computes in f32; convert the inputs to f32 first");
  if (any_blocked(call)) {
    const fusor_buffer& image = *call.inputs[call.inputs[0]->layout == FUSOR_LAYOUT_BLOCKED ? 0 : 1];
    describe_blocked(*call.outputs[0], kernels.lanes, blocked_shape(image).halo);
  }
  return FUSOR_OK;
}

// `buffer` blocked, copied to scratch if it is not.
fusor_status as_blocked(OpContext& context, const fusor_buffer& buffer, BlockedView& view) {
  if (buffer.layout == FUSOR_LAYOUT_BLOCKED) {
    view = blocked_view(buffer);
    return FUSOR_OK;
  }
  fusor_buffer copy = buffer;
  describe_blocked(copy, context.kernels.lanes, Halo{});
  copy.data = context.scratch.allocate(copy.byte_size);
  if (!copy.data) return fail(FUSOR_ERROR_OUT_OF_MEMORY, "residualAdd: no memory for a blocked copy");
  view = blocked_view(copy);
  return convert_layout(context.kernels, context.pool, context.threads, buffer, copy);
}

fusor_status run_blocked(OpContext& context, const fusor_op_call& call, const fusor_activation& activation) {
  BlockedView x, residual;
  if (fusor_status status = as_blocked(context, *call.inputs[0], x)) return status;
  if (fusor_status status = as_blocked(context, *call.inputs[1], residual)) return status;
  const BlockedView y = blocked_view(*call.outputs[0]);
  const BlockedShape& shape = y.shape;
  zero_halo(y);
  const int64_t tail = shape.c % shape.lanes;
  const bool moves_zero =
      activation.kind == FUSOR_ACTIVATION_CLAMP && (activation.low > 0.f || activation.high < 0.f);
  const int threads =
      static_cast<int>(std::clamp<int64_t>(3 * shape.bytes() / (64 * 1024), 1, context.threads));
  WorkShares shares(shape.n * shape.blocks() * shape.h, threads);
  context.pool.share(threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t row = item % shape.h, block = item / shape.h % shape.blocks();
      const int64_t image = item / shape.h / shape.blocks();
      float* output = y.at(image, block, row, 0);
      context.kernels.residual_add->add(x.at(image, block, row, 0), residual.at(image, block, row, 0), output,
                                        shape.w * shape.lanes, activation);
      if (moves_zero && tail && block == shape.blocks() - 1)
        for (int64_t pixel = 0; pixel < shape.w; ++pixel)
          std::fill(output + pixel * shape.lanes + tail, output + (pixel + 1) * shape.lanes, 0.f);
    }
  });
  return FUSOR_OK;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const fusor_activation& activation =
      static_cast<const fusor_residual_add_attributes*>(call.attributes)->activation;
  const fusor_buffer& output = *call.outputs[0];
  if (element_count(output) == 0) return FUSOR_OK;
  if (any_blocked(call)) return run_blocked(context, call, activation);
  const auto add = context.kernels.residual_add->add;
  const fusor_buffer* inputs[2] = {call.inputs[0], call.inputs[1]};
  fusor_buffer copies[2];
  if (const fusor_status status = straighten(context, inputs, 2, copies)) return status;
  const ElementwiseLoop loop(output, inputs, 2);
  loop.run(context, 12, [&](const ElementwiseLoop::Piece& piece) {
    float* const y = static_cast<float*>(piece.output);
    const auto* const x = static_cast<const float*>(piece.inputs[0]);
    const auto* const residual = static_cast<const float*>(piece.inputs[1]);
    if (!piece.is_one[0] && !piece.is_one[1]) {
      add(x, residual, y, piece.count, activation);
      return;
    }
    // An expanded input: rows of one repeated element.
    for (int64_t i = 0; i < piece.count; ++i) {
      add(piece.is_one[0] ? x : x + i, piece.is_one[1] ? residual : residual + i, y + i, 1, activation);
    }
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry residual_add_op{FUSOR_OP_RESIDUAL_ADD, /*takes_strides=*/true, /*takes_blocked=*/true, prepare,
                              run};

}  // namespace fusor::cpu
