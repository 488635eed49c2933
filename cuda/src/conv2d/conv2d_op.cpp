#include "conv2d/conv2d_op.h"

#include <initializer_list>
#include <limits>

#include "conv2d/conv2d.h"

namespace fusor::cuda {
namespace {

const fusor_buffer* input(const fusor_op_call& call, int32_t index) {
  return index < call.input_count ? call.inputs[index] : nullptr;
}

const void* optional_data(const fusor_buffer* buffer) {
  return buffer != nullptr ? data_pointer(*buffer) : nullptr;
}

// Inputs: x [n, c, h, w], weight [k, c / groups, r, s], both channels last, [bias], [residual like y].
Conv2dArguments arguments_of(const fusor_op_call& call, int32_t precision) {
  const auto& attributes = *static_cast<const fusor_conv2d_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &weight = *call.inputs[1], &y = *call.outputs[0];
  Conv2dArguments a;
  a.dtype = static_cast<fusor_dtype>(x.dtype);
  a.precision = static_cast<Precision>(precision);
  a.n = x.sizes[0];
  a.c = static_cast<int>(x.sizes[1]);
  a.h = static_cast<int>(x.sizes[2]);
  a.w = static_cast<int>(x.sizes[3]);
  a.k = static_cast<int>(weight.sizes[0]);
  a.r = static_cast<int>(weight.sizes[2]);
  a.s = static_cast<int>(weight.sizes[3]);
  a.p = static_cast<int>(y.sizes[2]);
  a.q = static_cast<int>(y.sizes[3]);
  a.pad_top = attributes.padding[0];
  a.pad_left = attributes.padding[2];
  a.stride_h = attributes.stride[0];
  a.stride_w = attributes.stride[1];
  a.dilation_h = attributes.dilation[0];
  a.dilation_w = attributes.dilation[1];
  a.groups = attributes.groups;
  a.x = data_pointer(x);
  a.weight = data_pointer(weight);
  a.bias = optional_data(input(call, 2));
  a.residual = optional_data(input(call, 3));
  a.y = data_pointer(y);
  a.activation = attributes.activation;
  return a;
}

// Kernels count pixels and images in 64 bits, everything within an image in 32.
Status require_32_bits(const fusor_op_call& call) {
  for (const fusor_buffer* buffer :
       {call.inputs[0], call.inputs[1], static_cast<const fusor_buffer*>(call.outputs[0])}) {
    if (element_count(*buffer, 1, 4) <= std::numeric_limits<int32_t>::max()) continue;
    return {FUSOR_ERROR_UNSUPPORTED,
            "an image or filter of more than 2^31 elements does not fit the kernels"};
  }
  return {};
}

Status prepare(const fusor_op_call& call) {
  FUSOR_RETURN_IF_ERROR(require_floats(call));
  FUSOR_RETURN_IF_ERROR(require_32_bits(call));
  set_channels_last(*call.outputs[0]);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  Conv2dArguments arguments = arguments_of(call, context.precision);
  const Conv2dChoice choice = choose_conv2d(*context.stream.properties, arguments);
  if (const int64_t bytes = conv2d_workspace(arguments, choice); bytes > 0) {
    FUSOR_RETURN_IF_ERROR(context.workspace(bytes, &arguments.workspace));
  }
  return conv2d(context.stream, arguments, choice);
}

std::string algorithm(const DeviceProperties& properties, const fusor_op_call& call, int32_t precision) {
  return describe(choose_conv2d(properties, arguments_of(call, precision))) + " (cost model)";
}

}  // namespace

const OpEntry kConv2d{FUSOR_OP_CONV2D, InputForm::kChannelsLast, /*weights=*/0b10, prepare, run, algorithm};

}  // namespace fusor::cuda
