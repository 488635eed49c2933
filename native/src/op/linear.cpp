// torch.nn.functional.linear and torch.matmul (without its promotions of vectors, which the callers make).
#include <algorithm>

#include "op/infer.h"

namespace fusor {

void infer_linear(Inference& call) {
  const Shape& input = call.input(0).shape;
  const Shape& weight = call.input(1).shape;
  if (input.rank() == 0) {
    call.fail(FUSOR_ERROR_SHAPE, "input must have at least 1 dimension [..., features], got shape []");
  }
  call.require_rank(1, 2, "[output features, input features]");
  call.require_float(0);
  for (const int32_t index : {1, 2, 3}) call.require_same_dtype(index);
  if (input.back() != weight[1]) {
    call.fail(FUSOR_ERROR_SHAPE, "input ", input, " has ", input.back(), " features but weight ", weight,
              " expects ", weight[1]);
  }
  Shape output = input;
  output.set(input.rank() - 1, weight[0]);
  call.require_shape(2, Shape{weight[0]}, "one per output feature");
  call.require_shape(3, output, "like the output");
  call.set_output(0, {call.input(0).dtype, output});
}

void infer_matmul(Inference& call) {
  const Shape& a = call.input(0).shape;
  const Shape& b = call.input(1).shape;
  for (const int32_t index : {0, 1}) {
    if (call.input(index).shape.rank() < 2) {
      call.fail(FUSOR_ERROR_SHAPE, call.input_name(index), " must have at least 2 dimensions, got shape ",
                call.input(index).shape);
    }
  }
  call.require_float(0);
  call.require_same_dtype(1);
  if (a.back() != b[b.rank() - 2]) {
    call.fail(FUSOR_ERROR_SHAPE, "a ", a, " has rows of ", a.back(), " but b ", b, " has columns of ",
              b[b.rank() - 2]);
  }
  Shape output;
  if (!broadcast(a.first(a.rank() - 2), b.first(b.rank() - 2), output)) {
    call.fail(FUSOR_ERROR_SHAPE, "the batch dimensions of a ", a, " and b ", b, " do not broadcast");
  }
  output.append(a[a.rank() - 2]);
  output.append(b.back());
  call.set_output(0, {call.input(0).dtype, output});
}

}  // namespace fusor
