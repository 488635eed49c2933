// torch.nn.functional.batch_norm: statistics per channel, dimension 1 of the input.
#include <cmath>

#include "op/infer.h"
#include "tensor/dtype.h"

namespace fusor {
namespace {

// Input [n, c, ...], and one number per channel in inputs 1 to 4.
void require_channels(const Inference& call) {
  const Shape& input = call.input(0).shape;
  if (input.rank() < 2) {
    call.fail(FUSOR_ERROR_SHAPE, "input must have at least 2 dimensions [n, c, ...], got shape ", input);
  }
  call.require_float(0);
  for (int32_t index = 1; index <= 4; ++index) {
    call.require_parameter_dtype(index);
    call.require_shape(index, Shape{input[1]}, "one per channel of the input");
  }
}

}  // namespace

void infer_batch_norm(Inference& call) {
  require_channels(call);
  call.require_epsilon(call.attributes<fusor_batch_norm_attributes>().epsilon);
  call.require_same_dtype(5);
  call.require_shape(5, call.input(0).shape, "like the input");
  call.set_output(0, call.input(0));
}

void infer_batch_norm_training(Inference& call) {
  const auto& attributes = call.attributes<fusor_batch_norm_training_attributes>();
  require_channels(call);
  call.require_epsilon(attributes.epsilon);
  if (!std::isfinite(attributes.momentum)) {
    call.fail(FUSOR_ERROR_ARGUMENT, "momentum must be a finite number, got ", attributes.momentum);
  }
  const Shape& input = call.input(0).shape;
  int64_t per_channel = input[0];
  for (int32_t i = 2; i < input.rank(); ++i) per_channel *= input[i];
  if (per_channel == 1) {
    call.fail(FUSOR_ERROR_SHAPE, "training needs more than 1 value per channel, got input ", input);
  }
  call.set_output(0, call.input(0));
  call.set_output(1, call.input(1));
  call.set_output(2, call.input(2));
}

// weight' = weight * gamma / sqrt(variance + epsilon), bias' = (bias - mean) * gamma / sqrt(variance +
// epsilon) + beta
void infer_fold_batch_norm(Inference& call) {
  const Shape& weight = call.input(0).shape;
  if (weight.rank() < 1) {
    call.fail(FUSOR_ERROR_SHAPE,
              "weight must have at least 1 dimension [output channels, ...], got shape []");
  }
  call.require_float(0);
  call.require_epsilon(call.attributes<fusor_fold_batch_norm_attributes>().epsilon);
  const Shape channels{weight[0]};
  for (int32_t index = 1; index <= 5; ++index) {
    call.require_parameter_dtype(index);
    call.require_shape(index, channels, "one per output channel of the weight");
  }
  call.set_output(0, call.input(0));
  call.set_output(1, {call.input(0).dtype, channels});
}

}  // namespace fusor
