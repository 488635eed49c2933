// Inference: one pass. Training: a reduction over all but the channels (reduce/skeleton.h: mean and variance
// in one read, split over blocks where channels are few), then the same pass; the second read of x comes from
// the L2 where the batch fits.
#include "batch_norm/batch_norm.h"

#include "batch_norm/normalise.h"
#include "geometry/dispatch.h"
#include "geometry/layout.h"
#include "reduce/moments.h"
#include "reduce/skeleton.h"

namespace fusor::cuda {
namespace {

const fusor_buffer* optional_input(const fusor_op_call& call, int32_t index) {
  return index < call.input_count ? call.inputs[index] : nullptr;
}

// Statistics and parameters have one element per channel, without gaps.
template <class T>
Status normalise(OpContext& context, const fusor_op_call& call, const fusor_buffer* residual,
                 Parameter<T> mean, Parameter<T> mean_rest, Parameter<T> variance, float epsilon,
                 const fusor_activation& activation) {
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  Dimensions<5> dimensions;
  for (int32_t d = 0; d < x.rank; ++d) {
    const int64_t channel = d == 1 ? 1 : 0;
    dimensions.add(x.sizes[d], {y.strides[d], x.strides[d], residual ? residual->strides[d] : y.strides[d],
                                channel, channel});
  }
  Normalise<T> op{};
  op.x = data_of<const T>(x);
  op.residual = residual ? data_of<const T>(*residual) : nullptr;
  op.mean = mean;
  op.mean_rest = mean_rest;
  op.variance = variance;
  op.weight = parameter<T>(call, 3);
  op.bias = parameter<T>(call, 4);
  op.y = data_of<T>(y);
  op.epsilon = epsilon;
  op.activation = activation;
  // 16-byte accesses of parameters need aligned ones: of different types, the smaller element decides.
  const auto size = static_cast<int64_t>(sizeof(T));
  const void* statistics = first_unaligned(mean.data, variance.data);
  const void* parameters = first_unaligned(op.weight.data, op.bias.data);
  const Elementwise<4> loop(
      dimensions, {{op.y, size}, {op.x, size}, {op.residual, size}, {statistics, size}, {parameters, size}});
  return loop.template run<kVectorLength<T>>(context.stream, op);
}

Status prepare(const fusor_op_call& call) {
  FUSOR_RETURN_IF_ERROR(require_float(call, 0));
  take_layout(*call.outputs[0], *call.inputs[0]);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_batch_norm_attributes*>(call.attributes);
  return by_float(call.inputs[0]->dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    return normalise<T>(context, call, optional_input(call, 5), parameter<T>(call, 1), {},
                        parameter<T>(call, 2), a.epsilon, a.activation);
  });
}

// ---- training
// -----------------------------------------------------------------------------------------------

template <class T>
struct Running {
  Parameter<T> old_mean, old_variance;
  const float *mean, *variance;  // of the batch, biased
  void *new_mean, *new_variance;
  bool mean_is_f32, variance_is_f32;
  int64_t channels;
  float momentum, unbiased;  // count / (count - 1)
};

template <class T>
FUSOR_DEVICE void put_parameter(void* data, bool is_f32, int64_t i, float value) {
  if (is_f32)
    store(static_cast<float*>(data) + i, Vector<float, 1>{{value}});
  else
    store(static_cast<T*>(data) + i, Vector<T, 1>{{from_float<T>(value)}});
}

template <class T>
__global__ void __launch_bounds__(256) update_running(Running<T> a) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < a.channels;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    const float keep = 1.f - a.momentum;
    put_parameter<T>(a.new_mean, a.mean_is_f32, i,
                     keep * a.old_mean.at(i) + a.momentum * load<1>(a.mean + i).values[0]);
    put_parameter<T>(
        a.new_variance, a.variance_is_f32, i,
        keep * a.old_variance.at(i) + a.momentum * (load<1>(a.variance + i).values[0] * a.unbiased));
  }
}

Status prepare_training(const fusor_op_call& call) {
  FUSOR_RETURN_IF_ERROR(require_float(call, 0));
  take_layout(*call.outputs[0], *call.inputs[0]);
  return {};
}

Status run_training(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_batch_norm_training_attributes*>(call.attributes);
  const fusor_buffer& x = *call.inputs[0];
  const int64_t channels = x.sizes[1];
  int32_t dims[FUSOR_MAX_RANK];
  int32_t dim_count = 0;
  for (int32_t d = 0; d < x.rank; ++d)
    if (d != 1) dims[dim_count++] = d;
  const Reduction reduction(x, dims, dim_count);
  Moments batch;
  FUSOR_RETURN_IF_ERROR(moments(context, reduction, x, &batch));
  const auto count = static_cast<double>(reduction.folded());
  return by_float(x.dtype, [&](auto type) -> Status {
    using T = typename decltype(type)::type;
    const fusor_buffer &new_mean = *call.outputs[1], &new_variance = *call.outputs[2];
    const Running<T> running{parameter<T>(call, 1),
                             parameter<T>(call, 2),
                             batch.mean,
                             batch.variance,
                             data_pointer(new_mean),
                             data_pointer(new_variance),
                             new_mean.dtype == FUSOR_F32,
                             new_variance.dtype == FUSOR_F32,
                             channels,
                             a.momentum,
                             static_cast<float>(count / (count - 1))};
    FUSOR_RETURN_IF_ERROR(
        launch(update_running<T>,
               LaunchShape(static_cast<unsigned>(std::min<int64_t>((channels + 255) / 256, 1024)), 256),
               context.stream, running));
    return normalise<T>(context, call, nullptr, {batch.mean, true}, {batch.mean_rest, true},
                        {batch.variance, true}, a.epsilon, {});
  });
}

}  // namespace

const OpEntry kBatchNorm{FUSOR_OP_BATCH_NORM, InputForm::kDense, /*weights=*/0, prepare, run};
const OpEntry kBatchNormTraining{FUSOR_OP_BATCH_NORM_TRAINING, InputForm::kDense, /*weights=*/0,
                                 prepare_training, run_training};

}  // namespace fusor::cuda
