// The eager convolution: the same kernels as in plans, with weights packed at the first call and kept
// (prepared.h). The result stays channel-blocked with a halo that the next 3x3 convolution can read, so a
// chain of eager ops in a network changes layout once at each end.
#include "cpu/eager/conv2d.h"

#include <new>

#include "cpu/eager/prepared.h"
#include "cpu/layout/convert.h"

namespace fusor::cpu {

namespace {

// Winograd F(4x4) reads whole tiles: 4-pixel outputs with one pixel more on every side.
Halo common_halo(int64_t h, int64_t w) {
  if (h == 1 && w == 1) return {};
  return {1, static_cast<int32_t>((h + 3) / 4 * 4 - h + 1), 1, static_cast<int32_t>((w + 3) / 4 * 4 - w + 1)};
}

bool covers(const Halo& have, const Halo& need) {
  return have.top >= need.top && have.bottom >= need.bottom && have.left >= need.left &&
         have.right >= need.right;
}

ConvolutionShape shape_of(const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_conv2d_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &weight = *call.inputs[1], &y = *call.outputs[0];
  ConvolutionShape shape{};
  shape.n = x.sizes[0], shape.c = x.sizes[1], shape.h = x.sizes[2], shape.w = x.sizes[3];
  shape.k = weight.sizes[0], shape.r = weight.sizes[2], shape.s = weight.sizes[3];
  for (int i = 0; i < 2; ++i) shape.stride[i] = a.stride[i], shape.dilation[i] = a.dilation[i];
  for (int i = 0; i < 4; ++i) shape.padding[i] = a.padding[i];
  shape.groups = a.groups;
  shape.p = y.sizes[2], shape.q = y.sizes[3];
  return shape;
}

const fusor_buffer* optional_input(const fusor_op_call& call, int32_t index) {
  return index < call.input_count ? call.inputs[index] : nullptr;
}

// `buffer` as contiguous floats, copied to scratch if it is not. Null when out of memory.
const float* contiguous(OpContext& context, const fusor_buffer& buffer, fusor_status& status) {
  if (is_contiguous(buffer)) return data_of<const float>(buffer);
  fusor_buffer copy = buffer;
  describe_contiguous(copy);
  copy.data = context.scratch.allocate(copy.byte_size);
  if (!copy.data) {
    status = fail(FUSOR_ERROR_OUT_OF_MEMORY, "conv2d: no memory for a contiguous copy of %lld bytes",
                  static_cast<long long>(copy.byte_size));
    return nullptr;
  }
  status = convert_layout(context.kernels, context.pool, context.threads, buffer, copy);
  return static_cast<const float*>(copy.data);
}

// `buffer` blocked with at least `halo`, copied to scratch if it is not.
BlockedView blocked(OpContext& context, const fusor_buffer& buffer, const Halo& halo, fusor_status& status) {
  if (buffer.layout == FUSOR_LAYOUT_BLOCKED && covers(blocked_shape(buffer).halo, halo))
    return blocked_view(buffer);
  fusor_buffer copy = buffer;
  describe_blocked(copy, context.kernels.lanes, halo);
  copy.data = context.scratch.allocate(copy.byte_size);
  if (!copy.data) {
    status = fail(FUSOR_ERROR_OUT_OF_MEMORY, "conv2d: no memory for a blocked copy of %lld bytes",
                  static_cast<long long>(copy.byte_size));
    return {};
  }
  const BlockedView view = blocked_view(copy);
  zero_halo(view);
  status = convert_layout(context.kernels, context.pool, context.threads, buffer, copy);
  return view;
}

Prepared prepare_convolution(OpContext& context, const fusor_op_call& call, fusor_status& status) {
  const fusor_buffer& weight = *call.inputs[1];
  const fusor_buffer* bias = optional_input(call, 2);
  const fusor_activation& activation =
      static_cast<const fusor_conv2d_attributes*>(call.attributes)->activation;
  PreparedKey key;
  key.weight_identity = weight.identity;
  key.weight_version = weight.version;
  key.weight_offset = weight.byte_offset;
  if (bias) {
    key.bias_identity = bias->identity;
    key.bias_version = bias->version;
    key.bias_offset = bias->byte_offset;
    if (bias->identity == 0) key.weight_identity = 0;  // a bias that may change unnoticed: prepare anew
  }
  key.shape = shape_of(call);
  key.activation = activation;
  if (Prepared found = find_prepared(key)) return found;

  const float* weight_data = contiguous(context, weight, status);
  if (!weight_data) return {};
  const float* bias_data = bias ? contiguous(context, *bias, status) : nullptr;
  if (bias && !bias_data) return {};
  auto convolution =
      make_convolution(context.kernels, context.pool, key.shape, weight_data, bias_data, activation, {});
  Prepared prepared;
  if (convolution) prepared = keep_prepared(key, std::move(convolution));
  if (!prepared) status = fail(FUSOR_ERROR_OUT_OF_MEMORY, "conv2d: no memory to pack the weight");
  return prepared;
}

fusor_status prepare(const KernelSet& kernels, const fusor_op_call& call) {
  for (int32_t i = 0; i < call.input_count; ++i)
    if (call.inputs[i] && call.inputs[i]->dtype != FUSOR_F32)
      return fail(FUSOR_ERROR_DTYPE,
                  "conv2d: the CPU computes in f32; convert the other dtypes to f32 first");
  fusor_buffer& output = *call.outputs[0];
  describe_blocked(output, kernels.lanes, common_halo(output.sizes[2], output.sizes[3]));
  return FUSOR_OK;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  fusor_buffer& output = *call.outputs[0];
  if (element_count(output) == 0) return FUSOR_OK;
  fusor_status status = FUSOR_OK;
  const Prepared convolution = prepare_convolution(context, call, status);
  if (!convolution) return status;

  Convolution::Arguments arguments;
  if (convolution->input_form() == Convolution::InputForm::Planar)
    arguments.planar = contiguous(context, *call.inputs[0], status);
  else
    arguments.input = blocked(context, *call.inputs[0], convolution->input_halo(), status);
  if (status != FUSOR_OK) return status;

  BlockedView residual;
  if (const fusor_buffer* buffer = optional_input(call, 3)) {
    residual = blocked(context, *buffer, {}, status);
    if (status != FUSOR_OK) return status;
    arguments.residual = &residual;
  }
  if (const int64_t bytes = convolution->workspace_bytes(context.threads)) {
    arguments.workspace = context.scratch.allocate(bytes);
    if (!arguments.workspace)
      return fail(FUSOR_ERROR_OUT_OF_MEMORY, "conv2d: no memory for a workspace of %lld bytes",
                  static_cast<long long>(bytes));
  }
  arguments.output = blocked_view(output);
  zero_halo(arguments.output);
  convolution->run(context.pool, context.threads, arguments);
  return FUSOR_OK;
}

}  // namespace

const OpEntry conv2d_op{FUSOR_OP_CONV2D, /*takes_strides=*/true, /*takes_blocked=*/true, prepare, run};

}  // namespace fusor::cpu
