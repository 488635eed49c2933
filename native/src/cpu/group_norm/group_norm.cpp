// Group-norm (Wu and He 2018, https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html): the c /
// groups channels of a group of one image share mean and variance; weight and bias are per channel. A group
// is contiguous, so it is one run of statistics and then one scale and shift per channel, with batch-norm's
// kernels.
#include "cpu/group_norm/group_norm.h"

#include <cmath>

#include "cpu/batch_norm/batch_norm.h"

namespace fusor::cpu {

namespace {

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_group_norm_attributes*>(call.attributes);
  const fusor_buffer& x = *call.inputs[0];
  const float* weight =
      call.input_count > 1 && call.inputs[1] ? data_of<const float>(*call.inputs[1]) : nullptr;
  const float* bias =
      call.input_count > 2 && call.inputs[2] ? data_of<const float>(*call.inputs[2]) : nullptr;
  if (element_count(x) == 0) return FUSOR_OK;
  const int64_t channels = x.sizes[1], group_channels = channels / a.groups;
  const int64_t inner = element_count(x) / (x.sizes[0] * channels), group_size = group_channels * inner;

  WorkShares shares(x.sizes[0] * a.groups, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const float* source = data_of<const float>(x) + item * group_size;
      float* output = data_of<float>(*call.outputs[0]) + item * group_size;
      float mean, squares;
      context.kernels.batch_norm->statistics(source, group_size, &mean, &squares);
      const float scale = 1.f / std::sqrt(squares / static_cast<float>(group_size) + a.epsilon);
      for (int64_t i = 0; i < group_channels; ++i) {
        const int64_t channel = item % a.groups * group_channels + i;
        const float channel_scale = weight ? scale * weight[channel] : scale;
        const float shift = bias ? bias[channel] : 0.f;
        context.kernels.batch_norm->scale_shift(
            {source + i * inner, nullptr, output + i * inner, inner, &mean, &channel_scale, &shift, {}});
      }
    }
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry group_norm_op{FUSOR_OP_GROUP_NORM, /*takes_strides=*/false, /*takes_blocked=*/false, nullptr,
                            run};

}  // namespace fusor::cpu
