// torch.nn.functional.layer_norm, rms_norm and group_norm.
#include "op/infer.h"

namespace fusor {
namespace {

// The trailing dimensions that are normalized together; checks parameters at `first_parameter` and after.
void require_normalized(const Inference& call, int32_t first_parameter) {
  const auto& attributes = call.attributes<fusor_layer_norm_attributes>();
  const Shape& input = call.input(0).shape;
  call.require_float(0);
  call.require_epsilon(attributes.epsilon);
  if (attributes.normalized_rank < 1) {
    call.fail(FUSOR_ERROR_ARGUMENT, "normalizedRank must be at least 1, got ", attributes.normalized_rank);
  }
  if (attributes.normalized_rank > input.rank()) {
    call.fail(FUSOR_ERROR_SHAPE, "input ", input, " has fewer dimensions than the ",
              attributes.normalized_rank, " to normalize over");
  }
  const Shape normalized = input.last(attributes.normalized_rank);
  for (int32_t index = first_parameter; index < call.input_count(); ++index) {
    call.require_parameter_dtype(index);
    call.require_shape(index, normalized, "the last dimensions of the input");
  }
}

}  // namespace

void infer_layer_norm(Inference& call) {
  require_normalized(call, 1);
  call.set_output(0, call.input(0));
}

void infer_add_layer_norm(Inference& call) {
  call.require_same_dtype(1);
  call.require_shape(1, call.input(0).shape, "like the input");
  require_normalized(call, 2);
  call.set_output(0, call.input(0));
  call.set_output(1, call.input(0));
}

void infer_rms_norm(Inference& call) {
  require_normalized(call, 1);
  call.set_output(0, call.input(0));
}

void infer_group_norm(Inference& call) {
  const auto& attributes = call.attributes<fusor_group_norm_attributes>();
  const Shape& input = call.input(0).shape;
  if (input.rank() < 2) {
    call.fail(FUSOR_ERROR_SHAPE, "input must have at least 2 dimensions [n, c, ...], got shape ", input);
  }
  call.require_float(0);
  call.require_epsilon(attributes.epsilon);
  if (attributes.groups < 1)
    call.fail(FUSOR_ERROR_ARGUMENT, "groups must be at least 1, got ", attributes.groups);
  if (input[1] % attributes.groups != 0) {
    call.fail(FUSOR_ERROR_SHAPE, "input has ", input[1], " channels, which do not divide into ",
              attributes.groups, " groups");
  }
  for (const int32_t index : {1, 2}) {
    call.require_parameter_dtype(index);
    call.require_shape(index, Shape{input[1]}, "one per channel of the input");
  }
  call.set_output(0, call.input(0));
}

}  // namespace fusor
