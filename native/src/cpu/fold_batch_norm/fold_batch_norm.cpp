// Folds an inference batch-norm into the convolution (or linear) before it: with s = gamma / sqrt(variance +
// eps),
//   weight' = weight * s per output channel,   bias' = (bias - mean) * s + beta.
// In double, so that folding adds no more than the final rounding of each weight.
#include "cpu/fold_batch_norm/fold_batch_norm.h"

#include <cmath>

namespace fusor::cpu {

namespace {

const float* optional_data(const fusor_op_call& call, int32_t index) {
  return index < call.input_count && call.inputs[index] ? data_of<const float>(*call.inputs[index]) : nullptr;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const double epsilon =
      static_cast<double>(static_cast<const fusor_fold_batch_norm_attributes*>(call.attributes)->epsilon);
  const fusor_buffer& weight = *call.inputs[0];
  const float *bias = optional_data(call, 1), *mean = optional_data(call, 2),
              *variance = optional_data(call, 3), *gamma = optional_data(call, 4),
              *beta = optional_data(call, 5);
  const int64_t channels = weight.sizes[0];
  if (channels == 0) return FUSOR_OK;
  const int64_t per_channel = element_count(weight) / channels;
  const float* source = data_of<const float>(weight);
  float* folded_weight = data_of<float>(*call.outputs[0]);
  float* folded_bias = data_of<float>(*call.outputs[1]);

  WorkShares shares(channels, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t k; (k = shares.take(team)) >= 0;) {
      const double scale = (gamma ? static_cast<double>(gamma[k]) : 1.0) /
                           std::sqrt(static_cast<double>(variance[k]) + epsilon);
      for (int64_t i = k * per_channel; i < (k + 1) * per_channel; ++i)
        folded_weight[i] = static_cast<float>(static_cast<double>(source[i]) * scale);
      const double shifted = (bias ? static_cast<double>(bias[k]) : 0.0) - static_cast<double>(mean[k]);
      folded_bias[k] = static_cast<float>(shifted * scale + (beta ? static_cast<double>(beta[k]) : 0.0));
    }
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry fold_batch_norm_op{FUSOR_OP_FOLD_BATCH_NORM, /*takes_strides=*/false, /*takes_blocked=*/false,
                                 nullptr, run};

}  // namespace fusor::cpu
