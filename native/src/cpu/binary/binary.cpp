#include "cpu/binary/binary.h"

#include <algorithm>

#include "cpu/elementwise/loop.h"
#include "cpu/layout/blocked.h"
#include "cpu/layout/convert.h"

namespace fusor::cpu {
namespace {

int32_t function_of(const fusor_op_call& call) {
  return static_cast<const fusor_binary_attributes*>(call.attributes)->function;
}

bool is_blocked(const fusor_buffer& buffer) {
  return buffer.layout == FUSOR_LAYOUT_BLOCKED;
}

bool is_like(const fusor_buffer& input, const fusor_buffer& output) {
  return input.rank == output.rank && std::equal(input.sizes, input.sizes + input.rank, output.sizes);
}

// Blocked inputs give a blocked result if the other operand fits in without being broadcast over blocks: it
// has the result's shape, or is a single number.
bool stays_blocked(const fusor_op_call& call) {
  const fusor_buffer& output = *call.outputs[0];
  bool any = false;
  for (int i = 0; i < 2; ++i) {
    const fusor_buffer& input = *call.inputs[i];
    any = any || (is_blocked(input) && is_like(input, output));
    if (!is_like(input, output) && (is_blocked(input) || element_count(input) != 1)) return false;
  }
  return any && output.dtype == FUSOR_F32;
}

const BinaryKernels::Functions& functions_of(const BinaryKernels& kernels, int32_t dtype) {
  switch (dtype) {
    case FUSOR_I32:
      return kernels.i32;
    case FUSOR_I64:
      return kernels.i64;
    case FUSOR_U8:
      return kernels.u8;
    default:
      return kernels.f32;
  }
}

fusor_status prepare(const KernelSet& kernels, const fusor_op_call& call) {
  for (int i = 0; i < 2; ++i) {
    const int32_t dtype = call.inputs[i]->dtype;
    if (dtype == FUSOR_F16 || dtype == FUSOR_BF16) {
      return fail(FUSOR_ERROR_DTYPE, "binary: the CPU computes with f32 and integers; convert to f32 first");
    }
    if (!functions_of(*kernels.binary, dtype)[function_of(call)][0]) {
      return fail(FUSOR_ERROR_DTYPE, "binary: integers have no true division; convert to f32 first");
    }
  }
  if (stays_blocked(call)) {
    const fusor_buffer& like = is_blocked(*call.inputs[0]) ? *call.inputs[0] : *call.inputs[1];
    describe_blocked(*call.outputs[0], kernels.lanes, blocked_shape(like).halo);
  }
  return FUSOR_OK;
}

// `input` in the wanted geometry, copied to scratch.
fusor_status copy_to(OpContext& context, const fusor_buffer& input, fusor_buffer& copy) {
  copy.data = context.scratch.allocate(copy.byte_size);
  if (!copy.data) {
    return fail(FUSOR_ERROR_OUT_OF_MEMORY, "binary: no memory for a copy of an operand, %lld bytes",
                static_cast<long long>(copy.byte_size));
  }
  return convert_layout(context.kernels, context.pool, context.threads, input, copy);
}

fusor_status run_blocked(OpContext& context, const fusor_op_call& call,
                         const BinaryKernels::Function (&forms)[3]) {
  const BlockedView output = blocked_view(*call.outputs[0]);
  const BlockedShape& shape = output.shape;
  BlockedView operands[2];
  const float* ones[2] = {};
  for (int i = 0; i < 2; ++i) {
    fusor_buffer buffer = *call.inputs[i];
    if (element_count(buffer) == 1 && !is_blocked(buffer)) {
      ones[i] = data_of<const float>(buffer);
      continue;
    }
    if (!is_blocked(buffer)) {
      describe_blocked(buffer, shape.lanes, Halo{});
      if (const fusor_status status = copy_to(context, *call.inputs[i], buffer)) return status;
    }
    operands[i] = blocked_view(buffer);
  }
  const BinaryKernels::Function function = forms[ones[0]   ? BinaryKernels::FirstIsOne
                                                 : ones[1] ? BinaryKernels::SecondIsOne
                                                           : BinaryKernels::Both];
  zero_halo(output);
  const int64_t used = shape.c % shape.lanes;  // of the last block's lanes, 0: all
  const int threads = static_cast<int>(std::clamp<int64_t>(shape.bytes() / (32 * 1024), 1, context.threads));
  WorkShares shares(shape.n * shape.blocks() * shape.h, threads);
  context.pool.share(threads, [&](const Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t y = item % shape.h, block = item / shape.h % shape.blocks(),
                    n = item / shape.h / shape.blocks();
      float* const row = output.at(n, block, y, 0);
      function(ones[0] ? ones[0] : operands[0].at(n, block, y, 0),
               ones[1] ? ones[1] : operands[1].at(n, block, y, 0), row, shape.w * shape.lanes);
      // Lanes past the last channel are zeros that need not have given zero (1 / 0, 0 + 1).
      if (used == 0 || block != shape.blocks() - 1) continue;
      for (int64_t x = 0; x < shape.w; ++x)
        std::fill(row + x * shape.lanes + used, row + (x + 1) * shape.lanes, 0.f);
    }
  });
  return FUSOR_OK;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const fusor_buffer& output = *call.outputs[0];
  if (element_count(output) == 0) return FUSOR_OK;
  const BinaryKernels::Function(&forms)[3] =
      functions_of(*context.kernels.binary, call.inputs[0]->dtype)[function_of(call)];
  if (is_blocked(output)) return run_blocked(context, call, forms);

  fusor_buffer copies[2];
  const fusor_buffer* inputs[2] = {call.inputs[0], call.inputs[1]};
  for (int i = 0; i < 2; ++i) {
    if (!is_blocked(*inputs[i])) continue;
    copies[i] = *inputs[i];
    describe_contiguous(copies[i]);
    if (const fusor_status status = copy_to(context, *inputs[i], copies[i])) return status;
    inputs[i] = &copies[i];
  }

  if (const fusor_status status = straighten(context, inputs, 2, copies)) return status;

  const int64_t input_size = element_size(inputs[0]->dtype), output_size = element_size(output.dtype);
  // Powers, quotients and remainders take several times as long as the memory they touch.
  const int32_t function = function_of(call);
  const bool is_slow = function == FUSOR_BINARY_POW || function == FUSOR_BINARY_FLOOR_DIV ||
                       function == FUSOR_BINARY_REMAINDER;
  const int64_t cost = (2 * input_size + output_size) * (is_slow ? 4 : 1);
  const ElementwiseLoop loop(output, inputs, 2);
  loop.run(context, cost, [&](const ElementwiseLoop::Piece& piece) {
    char* y = static_cast<char*>(piece.output);
    if (piece.is_one[0] && piece.is_one[1]) {
      // Both repeat one element: computed once, then repeated.
      forms[BinaryKernels::Both](piece.inputs[0], piece.inputs[1], y, 1);
      repeat_element(y, output_size, piece.count);
      return;
    }
    const int form = piece.is_one[0]   ? BinaryKernels::FirstIsOne
                     : piece.is_one[1] ? BinaryKernels::SecondIsOne
                                       : BinaryKernels::Both;
    forms[form](piece.inputs[0], piece.inputs[1], y, piece.count);
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry binary_op{FUSOR_OP_BINARY, /*takes_strides=*/true, /*takes_blocked=*/true, prepare, run};

}  // namespace fusor::cpu
