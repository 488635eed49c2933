// The index of the first greatest (or least) element along a dimension. A NaN wins either way, the first one,
// as in PyTorch.
#include "cpu/arg_reduce/arg_reduce.h"

#include <cmath>
#include <type_traits>

namespace fusor::cpu {

namespace {

template <class T>
bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) return std::isnan(x);
  return false;
}

template <class T>
int64_t first_extreme(const T* x, int64_t size, int64_t step, bool least) {
  int64_t best = 0;
  for (int64_t i = 0; i < size; ++i) {
    const T value = x[i * step], so_far = x[best * step];
    if (is_nan(so_far)) break;
    if (is_nan(value) || (least ? value < so_far : value > so_far)) best = i;
  }
  return best;
}

template <class T>
void reduce_rows(OpContext& context, const fusor_op_call& call, const fusor_arg_reduce_attributes& a) {
  const fusor_buffer& x = *call.inputs[0];
  const int64_t size = x.rank ? x.sizes[a.dim] : 1;
  int64_t inner = 1;
  for (int32_t d = a.dim + 1; d < x.rank; ++d) inner *= x.sizes[d];
  int64_t* result = data_of<int64_t>(*call.outputs[0]);
  WorkShares shares(element_count(*call.outputs[0]), context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t row; (row = shares.take(team)) >= 0;)
      result[row] = first_extreme(data_of<const T>(x) + row / inner * size * inner + row % inner, size, inner,
                                  a.least != 0);
  });
}

fusor_status prepare(const KernelSet&, const fusor_op_call& call) {
  const int32_t dtype = call.inputs[0]->dtype;
  if (dtype == FUSOR_F16 || dtype == FUSOR_BF16)
    return fail(FUSOR_ERROR_DTYPE,
                "argReduce: the CPU takes f32 and integers; convert 16-bit floats to f32 first");
  return FUSOR_OK;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_arg_reduce_attributes*>(call.attributes);
  switch (call.inputs[0]->dtype) {
    case FUSOR_F32:
      reduce_rows<float>(context, call, a);
      break;
    case FUSOR_I32:
      reduce_rows<int32_t>(context, call, a);
      break;
    case FUSOR_I64:
      reduce_rows<int64_t>(context, call, a);
      break;
    default:
      reduce_rows<uint8_t>(context, call, a);
      break;
  }
  return FUSOR_OK;
}

}  // namespace

const OpEntry arg_reduce_op{FUSOR_OP_ARG_REDUCE, /*takes_strides=*/false, /*takes_blocked=*/false, prepare,
                            run};

}  // namespace fusor::cpu
