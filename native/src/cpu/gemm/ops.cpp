// linear and matmul as matrix products.
#include <algorithm>

#include "cpu/gemm/gemm.h"

namespace fusor::cpu {

namespace {

// x [..., i] weight [o, i]: y = activation(x weightᵀ + bias + residual). The weight is B transposed: its rows
// are B's columns.
fusor_status run_linear(OpContext& context, const fusor_op_call& call) {
  const fusor_buffer &x = *call.inputs[0], &weight = *call.inputs[1];
  const fusor_buffer* bias = call.input_count > 2 ? call.inputs[2] : nullptr;
  const fusor_buffer* residual = call.input_count > 3 ? call.inputs[3] : nullptr;
  GemmProblem p{};
  p.n = weight.sizes[0];
  p.k = weight.sizes[1];
  p.m = 1;
  for (int32_t i = 0; i + 1 < x.rank; ++i) p.m *= x.sizes[i];
  p.batch = 1;
  p.a = {data_of<const float>(x), p.k, 1};
  p.b = {data_of<const float>(weight), 1, p.k};
  p.c = data_of<float>(*call.outputs[0]);
  if (bias) p.epilogue.bias = data_of<const float>(*bias);
  if (residual) p.epilogue.residual = data_of<const float>(*residual);
  p.epilogue.activation = static_cast<const fusor_linear_attributes*>(call.attributes)->activation;
  return multiply(context, p);
}

// Offsets of each matrix of a batch, broadcast dimensions standing still.
void batch_offsets(const fusor_buffer& matrices, const fusor_buffer& output, int64_t batch,
                   int64_t* offsets) {
  const int32_t batch_rank = output.rank - 2, own_rank = matrices.rank - 2;
  for (int64_t index = 0; index < batch; ++index) {
    int64_t rest = index, offset = 0;
    for (int32_t d = batch_rank - 1; d >= 0; --d) {
      const int64_t position = rest % output.sizes[d];
      rest /= output.sizes[d];
      const int32_t own = d - (batch_rank - own_rank);
      if (own >= 0 && matrices.sizes[own] != 1) offset += position * matrices.strides[own];
    }
    offsets[index] = offset;
  }
}

fusor_status run_matmul(OpContext& context, const fusor_op_call& call) {
  const fusor_buffer &a = *call.inputs[0], &b = *call.inputs[1], &c = *call.outputs[0];
  GemmProblem p{};
  p.m = c.sizes[c.rank - 2];
  p.n = c.sizes[c.rank - 1];
  p.k = a.sizes[a.rank - 1];
  p.batch = 1;
  for (int32_t d = 0; d + 2 < c.rank; ++d) p.batch *= c.sizes[d];
  if (p.batch * p.m * p.n == 0) return FUSOR_OK;

  auto* offsets =
      static_cast<int64_t*>(context.scratch.allocate(2 * p.batch * static_cast<int64_t>(sizeof(int64_t))));
  if (!offsets)
    return fail(FUSOR_ERROR_OUT_OF_MEMORY, "matmul: no memory for %lld batches",
                static_cast<long long>(p.batch));
  batch_offsets(a, c, p.batch, offsets);
  batch_offsets(b, c, p.batch, offsets + p.batch);
  p.a = {data_of<const float>(a), a.strides[a.rank - 2], a.strides[a.rank - 1]};
  p.a_batch = offsets;
  p.b = {data_of<const float>(b), b.strides[b.rank - 2], b.strides[b.rank - 1]};
  p.b_batch = offsets + p.batch;
  p.c = data_of<float>(c);
  return multiply(context, p);
}

}  // namespace

const OpEntry linear_op{FUSOR_OP_LINEAR, /*takes_strides=*/false, /*takes_blocked=*/false, nullptr,
                        run_linear};
const OpEntry matmul_op{FUSOR_OP_MATMUL, /*takes_strides=*/true, /*takes_blocked=*/false, nullptr,
                        run_matmul};

}  // namespace fusor::cpu
