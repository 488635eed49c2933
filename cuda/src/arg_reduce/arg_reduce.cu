// A reduction whose state is an element and its index (reduce/skeleton.h): one read of the input.
#include "arg_reduce/arg_reduce.h"

#include "geometry/dispatch.h"
#include "reduce/folds.h"
#include "reduce/skeleton.h"

namespace fusor::cuda {
namespace {

Status prepare(const fusor_op_call&) {
  return {};  // every dtype
}

Status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_arg_reduce_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  const Reduction reduction(x, &a.dim, x.rank == 0 ? 0 : 1);
  auto* const indices = data_of<int64_t>(y);
  if (is_float(x.dtype)) {
    return by_float(x.dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      const T* const data = data_of<const T>(x);
      return reduction.run<kVectorLength<T>>(
          context, IndexFold<FloatSource<T>>{{data}, indices, a.least != 0}, data, sizeof(T));
    });
  }
  return reduction.run<1>(context,
                          IndexFold<AnySource<int64_t>>{{data_pointer(x), x.dtype}, indices, a.least != 0},
                          data_pointer(x), element_size(x.dtype));
}

}  // namespace

const OpEntry kArgReduce{FUSOR_OP_ARG_REDUCE, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
