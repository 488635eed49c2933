// Sizes: torch.nn.Conv2d. Output height: floor((h + top + bottom - dilation (r - 1) - 1) / stride) + 1.
#include <limits>

#include "op/infer.h"
#include "op/window.h"

namespace fusor {

void infer_conv2d(Inference& call) {
  const auto& attributes = call.attributes<fusor_conv2d_attributes>();
  call.require_rank(0, 4, "[n, c, h, w]");
  call.require_rank(1, 4, "[output channels, input channels / groups, h, w]");
  call.require_float(0);
  for (const int32_t index : {1, 2, 3}) call.require_same_dtype(index);
  require_pair(call, "stride", attributes.stride, 1);
  require_pair(call, "dilation", attributes.dilation, 1);
  require_padding(call, attributes.padding);

  const Shape& input = call.input(0).shape;
  const Shape& weight = call.input(1).shape;
  const int64_t groups = attributes.groups;
  if (groups < 1) call.fail(FUSOR_ERROR_ARGUMENT, "groups must be at least 1, got ", groups);
  if (input[1] % groups != 0) {
    call.fail(FUSOR_ERROR_SHAPE, "input has ", input[1], " channels, which do not divide into ", groups,
              " groups");
  }
  if (weight[0] % groups != 0) {
    call.fail(FUSOR_ERROR_SHAPE, "weight ", weight, " has ", weight[0],
              " output channels, which do not divide into ", groups, " groups");
  }
  if (input[1] / groups != weight[1]) {
    int64_t expected = 0;
    if (__builtin_mul_overflow(weight[1], groups, &expected)) expected = std::numeric_limits<int64_t>::max();
    call.fail(FUSOR_ERROR_SHAPE, "input has ", input[1], " channels but weight ", weight, " expects ",
              expected, " (groups = ", groups, ")");
  }
  if (weight[2] == 0 || weight[3] == 0) {
    call.fail(FUSOR_ERROR_SHAPE, "weight ", weight, " has an empty kernel");
  }

  Shape output{input[0], weight[0]};
  for (int axis = 0; axis < 2; ++axis) {
    const Window window{input[2 + axis],  attributes.padding[2 * axis], attributes.padding[2 * axis + 1],
                        weight[2 + axis], attributes.stride[axis],      attributes.dilation[axis]};
    if (weight[2 + axis] > kMaxBytes / attributes.dilation[axis] || !window.fits()) {
      call.fail(FUSOR_ERROR_SHAPE, "a kernel of ", weight[2], "x", weight[3], " with dilation ",
                list_text(std::span<const int32_t>(attributes.dilation, 2)), " does not fit into input ",
                input, " with padding ", list_text(std::span<const int32_t>(attributes.padding, 4)));
    }
    output.append(window.outputs());
  }
  call.require_shape(2, Shape{weight[0]}, "one per output channel");
  call.require_shape(3, output, "like the output");
  call.set_output(0, {call.input(0).dtype, output});
}

}  // namespace fusor
