// The attribute structs of ops.h, field by field, so that nothing else needs code per op to fill or read
// them.
#pragma once

#include <cstddef>

#include "fusor/fusor.h"
#include "tensor/dtype.h"

namespace fusor {

using Attribute = fusor_attribute_schema;

inline constexpr const char* kUnaryNames[FUSOR_UNARY_COUNT] = {
    "relu",  "gelu",     "geluTanh", "silu",        "sigmoid",   "tanh",       "erf",       "exp",
    "log",   "sqrt",     "rsqrt",    "reciprocal",  "abs",       "neg",        "square",    "sign",
    "floor", "ceil",     "round",    "sin",         "cos",       "clamp",      "leakyRelu", "elu",
    "selu",  "softplus", "mish",     "hardSigmoid", "hardSwish", "logicalNot", "isNaN"};
inline constexpr const char* kBinaryNames[FUSOR_BINARY_COUNT] = {
    "add",       "sub",     "mul",          "div",        "floorDivide", "remainder",
    "pow",       "maximum", "minimum",      "equal",      "notEqual",    "less",
    "lessEqual", "greater", "greaterEqual", "logicalAnd", "logicalOr"};
inline constexpr const char* kReduceNames[FUSOR_REDUCE_COUNT] = {"sum",  "mean",     "max", "min",
                                                                 "prod", "variance", "any", "all"};
inline constexpr const char* kPadModeNames[FUSOR_PAD_MODE_COUNT] = {"constant", "reflect", "replicate"};
inline constexpr const char* kDistributionNames[FUSOR_RANDOM_COUNT] = {"uniform", "normal", "bernoulli"};

namespace attribute {

constexpr Attribute scalar(const char* name, fusor_attribute_type type, size_t offset) {
  return {name, type, static_cast<int32_t>(offset), 1, -1, nullptr, 0};
}
constexpr Attribute int32(const char* name, size_t offset) {
  return scalar(name, FUSOR_ATTRIBUTE_INT32, offset);
}
constexpr Attribute int64(const char* name, size_t offset) {
  return scalar(name, FUSOR_ATTRIBUTE_INT64, offset);
}
constexpr Attribute uint64(const char* name, size_t offset) {
  return scalar(name, FUSOR_ATTRIBUTE_UINT64, offset);
}
constexpr Attribute boolean(const char* name, size_t offset) {
  return scalar(name, FUSOR_ATTRIBUTE_BOOL, offset);
}
constexpr Attribute float32(const char* name, size_t offset) {
  return scalar(name, FUSOR_ATTRIBUTE_FLOAT, offset);
}
constexpr Attribute float64(const char* name, size_t offset) {
  return scalar(name, FUSOR_ATTRIBUTE_DOUBLE, offset);
}
constexpr Attribute activation(size_t offset) {
  return scalar("activation", FUSOR_ATTRIBUTE_ACTIVATION, offset);
}

constexpr Attribute int32s(const char* name, size_t offset, int32_t count) {
  return {name, FUSOR_ATTRIBUTE_INT32_ARRAY, static_cast<int32_t>(offset), count, -1, nullptr, 0};
}
// Lists of up to FUSOR_MAX_RANK numbers whose length stands at `count_offset`.
constexpr Attribute int32_list(const char* name, size_t offset, size_t count_offset) {
  return {name,
          FUSOR_ATTRIBUTE_INT32_ARRAY,
          static_cast<int32_t>(offset),
          FUSOR_MAX_RANK,
          static_cast<int32_t>(count_offset),
          nullptr,
          0};
}
constexpr Attribute int64_list(const char* name, size_t offset, size_t count_offset) {
  return {name,
          FUSOR_ATTRIBUTE_INT64_ARRAY,
          static_cast<int32_t>(offset),
          FUSOR_MAX_RANK,
          static_cast<int32_t>(count_offset),
          nullptr,
          0};
}
template <size_t count>
constexpr Attribute choice(const char* name, size_t offset, const char* const (&names)[count]) {
  return {name,  FUSOR_ATTRIBUTE_ENUM,       static_cast<int32_t>(offset), 1, -1,
          names, static_cast<int32_t>(count)};
}
constexpr Attribute dtype(size_t offset) {
  return choice("dtype", offset, kDTypeNames);
}

}  // namespace attribute

inline constexpr Attribute kConv2dAttributes[] = {
    attribute::int32s("stride", offsetof(fusor_conv2d_attributes, stride), 2),
    attribute::int32s("padding", offsetof(fusor_conv2d_attributes, padding), 4),
    attribute::int32s("dilation", offsetof(fusor_conv2d_attributes, dilation), 2),
    attribute::int32("groups", offsetof(fusor_conv2d_attributes, groups)),
    attribute::activation(offsetof(fusor_conv2d_attributes, activation))};

inline constexpr Attribute kLinearAttributes[] = {
    attribute::activation(offsetof(fusor_linear_attributes, activation))};

inline constexpr Attribute kBatchNormAttributes[] = {
    attribute::float32("epsilon", offsetof(fusor_batch_norm_attributes, epsilon)),
    attribute::activation(offsetof(fusor_batch_norm_attributes, activation))};

inline constexpr Attribute kBatchNormTrainingAttributes[] = {
    attribute::float32("epsilon", offsetof(fusor_batch_norm_training_attributes, epsilon)),
    attribute::float32("momentum", offsetof(fusor_batch_norm_training_attributes, momentum))};

inline constexpr Attribute kLayerNormAttributes[] = {
    attribute::int32("normalizedRank", offsetof(fusor_layer_norm_attributes, normalized_rank)),
    attribute::float32("epsilon", offsetof(fusor_layer_norm_attributes, epsilon))};

inline constexpr Attribute kGroupNormAttributes[] = {
    attribute::int32("groups", offsetof(fusor_group_norm_attributes, groups)),
    attribute::float32("epsilon", offsetof(fusor_group_norm_attributes, epsilon))};

inline constexpr Attribute kResidualAddAttributes[] = {
    attribute::activation(offsetof(fusor_residual_add_attributes, activation))};

inline constexpr Attribute kUnaryAttributes[] = {
    attribute::choice("function", offsetof(fusor_unary_attributes, function), kUnaryNames),
    attribute::float32("alpha", offsetof(fusor_unary_attributes, alpha)),
    attribute::float32("beta", offsetof(fusor_unary_attributes, beta))};

inline constexpr Attribute kBinaryAttributes[] = {
    attribute::choice("function", offsetof(fusor_binary_attributes, function), kBinaryNames)};

inline constexpr Attribute kConvertAttributes[] = {
    attribute::dtype(offsetof(fusor_convert_attributes, dtype))};

inline constexpr Attribute kSoftmaxAttributes[] = {
    attribute::int32("dim", offsetof(fusor_softmax_attributes, dim)),
    attribute::boolean("log", offsetof(fusor_softmax_attributes, log))};

inline constexpr Attribute kReduceAttributes[] = {
    attribute::choice("function", offsetof(fusor_reduce_attributes, function), kReduceNames),
    attribute::int32_list("dims", offsetof(fusor_reduce_attributes, dims),
                          offsetof(fusor_reduce_attributes, dim_count)),
    attribute::boolean("keepDims", offsetof(fusor_reduce_attributes, keep_dims)),
    attribute::float32("correction", offsetof(fusor_reduce_attributes, correction))};

inline constexpr Attribute kArgReduceAttributes[] = {
    attribute::int32("dim", offsetof(fusor_arg_reduce_attributes, dim)),
    attribute::boolean("least", offsetof(fusor_arg_reduce_attributes, least)),
    attribute::boolean("keepDims", offsetof(fusor_arg_reduce_attributes, keep_dims))};

inline constexpr Attribute kTopkAttributes[] = {
    attribute::int64("k", offsetof(fusor_topk_attributes, k)),
    attribute::int32("dim", offsetof(fusor_topk_attributes, dim)),
    attribute::boolean("largest", offsetof(fusor_topk_attributes, largest)),
    attribute::boolean("sorted", offsetof(fusor_topk_attributes, sorted))};

inline constexpr Attribute kPool2dAttributes[] = {
    attribute::int32s("kernel", offsetof(fusor_pool2d_attributes, kernel), 2),
    attribute::int32s("stride", offsetof(fusor_pool2d_attributes, stride), 2),
    attribute::int32s("padding", offsetof(fusor_pool2d_attributes, padding), 4),
    attribute::int32s("dilation", offsetof(fusor_pool2d_attributes, dilation), 2),
    attribute::boolean("ceilMode", offsetof(fusor_pool2d_attributes, ceil_mode)),
    attribute::boolean("countIncludePad", offsetof(fusor_pool2d_attributes, count_include_pad))};

inline constexpr Attribute kAdaptivePool2dAttributes[] = {
    attribute::int32s("outputSize", offsetof(fusor_adaptive_pool2d_attributes, output_size), 2)};

inline constexpr Attribute kPadAttributes[] = {
    attribute::int64_list("before", offsetof(fusor_pad_attributes, before),
                          offsetof(fusor_pad_attributes, rank)),
    attribute::int64_list("after", offsetof(fusor_pad_attributes, after),
                          offsetof(fusor_pad_attributes, rank)),
    attribute::choice("mode", offsetof(fusor_pad_attributes, mode), kPadModeNames),
    attribute::float64("value", offsetof(fusor_pad_attributes, value))};

inline constexpr Attribute kDimAttributes[] = {attribute::int32("dim", offsetof(fusor_dim_attributes, dim))};

inline constexpr Attribute kShapeAttributes[] = {attribute::int64_list(
    "shape", offsetof(fusor_shape_attributes, shape), offsetof(fusor_shape_attributes, rank))};

inline constexpr Attribute kPermuteAttributes[] = {attribute::int32_list(
    "order", offsetof(fusor_permute_attributes, order), offsetof(fusor_permute_attributes, rank))};

inline constexpr Attribute kSliceAttributes[] = {
    attribute::int64_list("start", offsetof(fusor_slice_attributes, start),
                          offsetof(fusor_slice_attributes, rank)),
    attribute::int64_list("end", offsetof(fusor_slice_attributes, end),
                          offsetof(fusor_slice_attributes, rank)),
    attribute::int64_list("step", offsetof(fusor_slice_attributes, step),
                          offsetof(fusor_slice_attributes, rank))};

inline constexpr Attribute kFillAttributes[] = {
    attribute::int64_list("shape", offsetof(fusor_fill_attributes, shape),
                          offsetof(fusor_fill_attributes, rank)),
    attribute::dtype(offsetof(fusor_fill_attributes, dtype)),
    attribute::float64("value", offsetof(fusor_fill_attributes, value))};

inline constexpr Attribute kArangeAttributes[] = {
    attribute::int64("count", offsetof(fusor_arange_attributes, count)),
    attribute::float64("start", offsetof(fusor_arange_attributes, start)),
    attribute::float64("step", offsetof(fusor_arange_attributes, step)),
    attribute::dtype(offsetof(fusor_arange_attributes, dtype))};

inline constexpr Attribute kRandomAttributes[] = {
    attribute::int64_list("shape", offsetof(fusor_random_attributes, shape),
                          offsetof(fusor_random_attributes, rank)),
    attribute::choice("distribution", offsetof(fusor_random_attributes, distribution), kDistributionNames),
    attribute::float32("low", offsetof(fusor_random_attributes, low)),
    attribute::float32("high", offsetof(fusor_random_attributes, high)),
    attribute::uint64("seed", offsetof(fusor_random_attributes, seed)),
    attribute::uint64("offset", offsetof(fusor_random_attributes, offset))};

inline constexpr Attribute kFoldBatchNormAttributes[] = {
    attribute::float32("epsilon", offsetof(fusor_fold_batch_norm_attributes, epsilon))};

}  // namespace fusor
