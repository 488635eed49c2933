// torch.nn.functional.max_pool2d, avg_pool2d and the adaptive ones.
#include "op/infer.h"
#include "op/window.h"

namespace fusor {
namespace {

// The batch may be empty, an image may not.
void require_images(const Inference& call) {
  call.require_rank(0, 4, "[n, c, h, w]");
  call.require_float(0);
  const Shape& input = call.input(0).shape;
  if (input[1] == 0 || input[2] == 0 || input[3] == 0) {
    call.fail(FUSOR_ERROR_SHAPE, "input ", input,
              " has images without elements; only the batch may be empty");
  }
}

void infer_pool(Inference& call) {
  const auto& attributes = call.attributes<fusor_pool2d_attributes>();
  require_images(call);
  require_pair(call, "kernel", attributes.kernel, 1);
  require_pair(call, "stride", attributes.stride, 1);
  require_padding(call, attributes.padding);

  const Shape& input = call.input(0).shape;
  Shape output = input.first(2);
  for (int axis = 0; axis < 2; ++axis) {
    const Window window{
        input[2 + axis],         attributes.padding[2 * axis], attributes.padding[2 * axis + 1],
        attributes.kernel[axis], attributes.stride[axis],      attributes.dilation[axis]};
    if (window.before > window.kernel / 2 || window.after > window.kernel / 2) {
      call.fail(FUSOR_ERROR_ARGUMENT, "padding must be at most half of kernel ",
                list_text(std::span<const int32_t>(attributes.kernel, 2)), ", got ",
                list_text(std::span<const int32_t>(attributes.padding, 4)), " (top, bottom, left, right)");
    }
    const int64_t outputs = attributes.ceil_mode != 0 ? window.outputs_ceil() : window.outputs();
    if (outputs < 1) {
      call.fail(FUSOR_ERROR_SHAPE, "a kernel of ", attributes.kernel[0], "x", attributes.kernel[1],
                " with dilation ", list_text(std::span<const int32_t>(attributes.dilation, 2)),
                " does not fit into input ", input, " with padding ",
                list_text(std::span<const int32_t>(attributes.padding, 4)));
    }
    output.append(outputs);
  }
  call.set_output(0, {call.input(0).dtype, output});
}

void infer_adaptive_pool(Inference& call) {
  const auto& attributes = call.attributes<fusor_adaptive_pool2d_attributes>();
  require_images(call);
  require_pair(call, "outputSize", attributes.output_size, 0);
  const Shape& input = call.input(0).shape;
  call.set_output(0, {call.input(0).dtype,
                      Shape{input[0], input[1], attributes.output_size[0], attributes.output_size[1]}});
}

}  // namespace

void infer_max_pool2d(Inference& call) {
  require_pair(call, "dilation", call.attributes<fusor_pool2d_attributes>().dilation, 1);
  infer_pool(call);
}

void infer_avg_pool2d(Inference& call) {
  const int32_t* dilation = call.attributes<fusor_pool2d_attributes>().dilation;
  if (dilation[0] != 1 || dilation[1] != 1) {
    call.fail(FUSOR_ERROR_ARGUMENT, "dilation must be 1 (only max pooling has it), got ",
              list_text(std::span<const int32_t>(dilation, 2)));
  }
  infer_pool(call);
}

void infer_adaptive_avg_pool2d(Inference& call) {
  infer_adaptive_pool(call);
}

void infer_adaptive_max_pool2d(Inference& call) {
  infer_adaptive_pool(call);
}

}  // namespace fusor
