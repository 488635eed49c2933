// Which fold a reduction is. Floats read 16 bytes at a time for sums, extremes and variances; products,
// truth and integers element by element, with one kernel for all types.
#include "reduce/reduce.h"

#include "geometry/dispatch.h"
#include "reduce/folds.h"
#include "reduce/moments.h"
#include "reduce/skeleton.h"

namespace fusor::cuda {
namespace {

template <class T>
Status reduce_floats(OpContext& context, const fusor_op_call& call, const Reduction& reduction) {
  const auto& a = *static_cast<const fusor_reduce_attributes*>(call.attributes);
  const fusor_buffer& x = *call.inputs[0];
  void* const y = data_pointer(*call.outputs[0]);
  constexpr int kWidth = kVectorLength<T>;
  const FloatSource<T> source{data_of<const T>(x)};
  switch (a.function) {
    case FUSOR_REDUCE_PROD:
      return reduction.run<1>(context, ProductFold{{source.x, x.dtype}, y, x.dtype}, source.x, sizeof(T));
    case FUSOR_REDUCE_MAX:
    case FUSOR_REDUCE_MIN:
      return reduction.run<kWidth>(
          context, ExtremeFold<FloatSource<T>>{source, y, x.dtype, a.function == FUSOR_REDUCE_MIN}, source.x,
          sizeof(T));
    case FUSOR_REDUCE_VARIANCE:
      return reduction.run<kWidth>(context, MomentsFold<FloatSource<T>>{source, y, x.dtype, a.correction, {}},
                                   source.x, sizeof(T));
    default:
      return reduction.run<kWidth>(
          context, SumFold<FloatSource<T>>{source, y, x.dtype, a.function == FUSOR_REDUCE_MEAN}, source.x,
          sizeof(T));
  }
}

IntegerFold::Kind kind_of(int32_t function) {
  switch (function) {
    case FUSOR_REDUCE_PROD:
      return IntegerFold::kProduct;
    case FUSOR_REDUCE_MAX:
      return IntegerFold::kGreatest;
    case FUSOR_REDUCE_MIN:
      return IntegerFold::kLeast;
    default:
      return IntegerFold::kSum;
  }
}

Status prepare(const fusor_op_call&) {
  return {};  // every dtype
}

Status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_reduce_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  // dims of an input of rank 0 may name its one imagined dimension.
  const Reduction reduction(x, a.dims, x.rank == 0 ? 0 : a.dim_count);
  const void* const data = data_pointer(x);
  if (a.function == FUSOR_REDUCE_ANY || a.function == FUSOR_REDUCE_ALL) {
    return reduction.run<1>(context,
                            TruthFold{{data, x.dtype}, data_of<uint8_t>(y), a.function == FUSOR_REDUCE_ALL},
                            data, element_size(x.dtype));
  }
  if (!is_float(x.dtype)) {
    return reduction.run<1>(context,
                            IntegerFold{{data, x.dtype}, data_pointer(y), y.dtype, kind_of(a.function)}, data,
                            element_size(x.dtype));
  }
  return by_float(x.dtype, [&](auto type) {
    return reduce_floats<typename decltype(type)::type>(context, call, reduction);
  });
}

}  // namespace

Status moments(OpContext& context, const Reduction& reduction, const fusor_buffer& x, Moments* result) {
  // Each array begins at a multiple of 256 bytes.
  const int64_t floats = (reduction.outputs() + 63) / 64 * 64;
  void* memory = nullptr;
  FUSOR_RETURN_IF_ERROR(context.workspace(3 * floats * 4, &memory));
  result->mean = static_cast<float*>(memory);
  result->mean_rest = result->mean + floats;
  result->variance = result->mean_rest + floats;
  return by_float(x.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const T* const data = data_of<const T>(x);
    return reduction.run<kVectorLength<T>>(
        context, MomentsFold<FloatSource<T>>{{data}, nullptr, x.dtype, 0.f, *result}, data, sizeof(T));
  });
}

const OpEntry kReduce{FUSOR_OP_REDUCE, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
