#include "conv2d/conv2d_op.h"

#include <initializer_list>
#include <limits>

#include "conv2d/conv2d.h"
#include "conv2d/patch.h"

namespace fusor::cuda {
namespace {

const fusor_buffer* input(const fusor_op_call& call, int32_t index) {
  return index < call.input_count ? call.inputs[index] : nullptr;
}

const void* optional_data(const fusor_buffer* buffer) {
  return buffer != nullptr ? data_pointer(*buffer) : nullptr;
}

// A choice that ignores the batch is made as for so many images: between one, where late layers are split
// some 16 times, and hundreds, where the splits' sums would be most of the traffic. Either end then takes
// about twice as long as it would with a choice of its own in the layers that are split, and no longer in the
// others.
constexpr int64_t kDecidingImages = 8;

// Inputs: x [n, c, h, w], weight [k, c / groups, r, s], both channels last, [bias], [residual like y].
Conv2dArguments arguments_of(const fusor_op_call& call, const fusor_conv2d_attributes& attributes,
                             const OpOptions& options) {
  const fusor_buffer &x = *call.inputs[0], &weight = *call.inputs[1], &y = *call.outputs[0];
  Conv2dArguments a;
  a.dtype = static_cast<fusor_dtype>(x.dtype);
  a.precision = static_cast<Precision>(options.precision);
  if (options.deterministic) a.deciding_n = kDecidingImages;
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

Conv2dArguments arguments_of(const fusor_op_call& call, const OpOptions& options) {
  return arguments_of(call, *static_cast<const fusor_conv2d_attributes*>(call.attributes), options);
}

Status run_as_chosen(OpContext& context, Conv2dArguments arguments) {
  const Conv2dChoice choice = choose_conv2d(*context.stream.properties, arguments);
  if (const int64_t bytes = conv2d_workspace(arguments, choice); bytes > 0) {
    FUSOR_RETURN_IF_ERROR(context.workspace(bytes, &arguments.workspace));
  }
  return conv2d(context.stream, arguments, choice);
}

Status run(OpContext& context, const fusor_op_call& call) {
  Conv2dArguments a = arguments_of(call, context.options);
  a.constant_weight = context.is_constant(1);
  return run_as_chosen(context, a);
}

std::string algorithm(const DeviceProperties& properties, const fusor_op_call& call,
                      const OpOptions& options) {
  return describe(choose_conv2d(properties, arguments_of(call, options))) + " (cost model)";
}

// ---- with a max-pool behind it

Conv2dArguments pooled_arguments(const fusor_op_call& call, const OpOptions& options) {
  const auto& attributes = *static_cast<const PooledConv2dAttributes*>(call.attributes);
  const fusor_conv2d_attributes& conv = attributes.conv;
  const fusor_pool2d_attributes& pool = attributes.pool;
  Conv2dArguments a = arguments_of(call, conv, options);
  a.pool = {pool.kernel[0],
            pool.kernel[1],
            pool.stride[0],
            pool.stride[1],
            pool.padding[0],
            pool.padding[2],
            a.p,
            a.q};
  a.p = conv2d_output_size(a.h, a.r, a.stride_h, a.dilation_h, a.pad_top, conv.padding[1]);
  a.q = conv2d_output_size(a.w, a.s, a.stride_w, a.dilation_w, a.pad_left, conv.padding[3]);
  return a;
}

Status run_pooled(OpContext& context, const fusor_op_call& call) {
  return run_as_chosen(context, pooled_arguments(call, context.options));
}

std::string pooled_algorithm(const DeviceProperties& properties, const fusor_op_call& call,
                             const OpOptions& options) {
  return describe(choose_conv2d(properties, pooled_arguments(call, options))) + " (cost model)";
}

PatchStrides::Image image_strides(const fusor_buffer& buffer) {
  return {buffer.strides[0], buffer.strides[1], buffer.strides[2], buffer.strides[3]};
}

Status run_pooled_patch(OpContext& context, const fusor_op_call& call) {
  const Conv2dArguments a = pooled_arguments(call, context.options);
  if (a.n == 0 || a.pool.p == 0 || a.pool.q == 0) return {};
  const fusor_buffer* const bias = input(call, 2);
  return patch_conv2d(context.stream, a,
                      {image_strides(*call.inputs[0]), image_strides(*call.inputs[1]),
                       bias != nullptr ? bias->strides[0] : 0});
}

std::string pooled_patch_algorithm(const DeviceProperties&, const fusor_op_call&, const OpOptions&) {
  return describe({Conv2dAlgorithm::patch}) + " with max-pool, of any strides";
}

}  // namespace

bool pays_to_pool(const DeviceProperties& properties, const fusor_op_call& call, const OpOptions& options) {
  return require_32_bits(call).ok() && pays_to_pool(properties, pooled_arguments(call, options));
}

const OpEntry& pooled_conv2d_entry(const DeviceProperties& properties, const fusor_op_call& call,
                                   const OpOptions& options) {
  return patch_conv2d_supports(properties, pooled_arguments(call, options)) ? kPooledPatchConv2d
                                                                            : kPooledConv2d;
}

const OpEntry kPooledConv2d{FUSOR_OP_CONV2D, InputForm::kChannelsLast, /*weights=*/0b10, prepare,
                            run_pooled,      pooled_algorithm};
const OpEntry kPooledPatchConv2d{FUSOR_OP_CONV2D, InputForm::kAnyStrides, /*weights=*/0,
                                 prepare,         run_pooled_patch,       pooled_patch_algorithm};
const OpEntry kConv2d{FUSOR_OP_CONV2D, InputForm::kChannelsLast, /*weights=*/0b10, prepare, run, algorithm};

}  // namespace fusor::cuda
