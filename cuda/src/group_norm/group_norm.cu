// x is seen as [n, groups, c / groups, ...]: a reduction over all but the first two dimensions, then
// batch-norm's pass with statistics per group and parameters per channel. x is read twice, the second time
// from the L2 where it fits.
#include "group_norm/group_norm.h"

#include "batch_norm/normalise.h"
#include "geometry/dispatch.h"
#include "geometry/layout.h"
#include "reduce/moments.h"
#include "reduce/skeleton.h"

namespace fusor::cuda {
namespace {

Status prepare(const fusor_op_call& call) {
  FUSOR_RETURN_IF_ERROR(require_float(call, 0));
  take_layout(*call.outputs[0], *call.inputs[0]);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_group_norm_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  if (element_count(x) == 0) return {};
  const int64_t images = x.sizes[0], groups = a.groups, channels = x.sizes[1] / groups;
  Reduction reduction;
  Dimensions<5> dimensions;  // y, x, (no residual), statistics, parameters
  const auto both = [&](int64_t size, int64_t y_stride, int64_t x_stride, int64_t statistic,
                        int64_t parameter) {
    dimensions.add(size, {y_stride, x_stride, y_stride, statistic, parameter});
  };
  reduction.keep(images, groups, x.strides[0]);
  both(images, y.strides[0], x.strides[0], groups, 0);
  reduction.keep(groups, 1, x.strides[1] * channels);
  both(groups, y.strides[1] * channels, x.strides[1] * channels, 1, channels);
  reduction.reduce(channels, x.strides[1]);
  both(channels, y.strides[1], x.strides[1], 0, 1);
  for (int32_t d = 2; d < x.rank; ++d) {
    reduction.reduce(x.sizes[d], x.strides[d]);
    both(x.sizes[d], y.strides[d], x.strides[d], 0, 0);
  }
  reduction.order();
  Moments statistics;
  FUSOR_RETURN_IF_ERROR(moments(context, reduction, x, &statistics));

  return by_float(x.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    Normalise<T> op{};
    op.x = data_of<const T>(x);
    op.mean = {statistics.mean, true};
    op.mean_rest = {statistics.mean_rest, true};
    op.variance = {statistics.variance, true};
    op.weight = parameter<T>(call, 1);
    op.bias = parameter<T>(call, 2);
    op.y = data_of<T>(y);
    op.epsilon = a.epsilon;
    const auto size = static_cast<int64_t>(sizeof(T));
    const Elementwise<4> loop(dimensions, {{op.y, size},
                                           {op.x, size},
                                           {nullptr, size},
                                           {statistics.mean, size},
                                           {first_unaligned(op.weight.data, op.bias.data), size}});
    return loop.template run<kVectorLength<T>>(context.stream, op);
  });
}

}  // namespace

const OpEntry kGroupNorm{FUSOR_OP_GROUP_NORM, InputForm::kDense, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
