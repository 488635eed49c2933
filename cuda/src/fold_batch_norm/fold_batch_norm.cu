// In double, so that folding adds no more than the final rounding of each weight. Runs once per model: a
// block per output channel is fast enough.
#include "fold_batch_norm/fold_batch_norm.h"

#include "arch/launch.h"
#include "elementwise/values.h"
#include "geometry/dispatch.h"

namespace fusor::cuda {
namespace {

template <class T>
struct Folding {
  const T* weight;
  Parameter<T> bias, mean, variance, gamma, beta;
  T *folded_weight, *folded_bias;
  int64_t channels, per_channel;
  float epsilon;
};

template <class T>
__global__ void __launch_bounds__(128) fold_kernel(Folding<T> a) {
  for (int64_t k = blockIdx.x; k < a.channels; k += gridDim.x) {
    const double gamma = a.gamma.data != nullptr ? static_cast<double>(a.gamma.at(k)) : 1.0;
    const double scale = gamma / sqrt(static_cast<double>(a.variance.at(k)) + static_cast<double>(a.epsilon));
    for (int64_t i = k * a.per_channel + threadIdx.x; i < (k + 1) * a.per_channel; i += blockDim.x) {
      const auto weight = static_cast<double>(to_float(load<1>(a.weight + i).values[0]));
      store(a.folded_weight + i, Vector<T, 1>{{from_float<T>(static_cast<float>(weight * scale))}});
    }
    if (threadIdx.x != 0) continue;
    const double bias = a.bias.data != nullptr ? static_cast<double>(a.bias.at(k)) : 0.0;
    const double beta = a.beta.data != nullptr ? static_cast<double>(a.beta.at(k)) : 0.0;
    const double shifted = (bias - static_cast<double>(a.mean.at(k))) * scale + beta;
    store(a.folded_bias + k, Vector<T, 1>{{from_float<T>(static_cast<float>(shifted))}});
  }
}

Status prepare(const fusor_op_call& call) {
  return require_float(call, 0);
}

Status run(OpContext& context, const fusor_op_call& call) {
  const fusor_buffer& weight = *call.inputs[0];
  const int64_t channels = weight.sizes[0];
  if (channels == 0) return {};
  return by_float(weight.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto parameter = [&](int32_t i) -> Parameter<T> {
      if (i >= call.input_count || call.inputs[i] == nullptr) return {};
      return {data_pointer(*call.inputs[i]), call.inputs[i]->dtype == FUSOR_F32};
    };
    const Folding<T> a{data_of<const T>(weight),
                       parameter(1),
                       parameter(2),
                       parameter(3),
                       parameter(4),
                       parameter(5),
                       data_of<T>(*call.outputs[0]),
                       data_of<T>(*call.outputs[1]),
                       channels,
                       element_count(weight) / channels,
                       static_cast<const fusor_fold_batch_norm_attributes*>(call.attributes)->epsilon};
    const auto blocks = static_cast<unsigned>(std::min<int64_t>(channels, 1 << 20));
    return launch(fold_kernel<T>, LaunchShape(blocks, 128), context.stream, a);
  });
}

}  // namespace

const OpEntry kFoldBatchNorm{FUSOR_OP_FOLD_BATCH_NORM, InputForm::kRowMajor, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
