// The table of all ops: row i is fusor_op i.
#include "op/attributes.h"
#include "op/infer.h"

namespace fusor {
namespace {

constexpr const char* kConvolutionInputs[] = {"input", "weight", "bias", "residual"};
constexpr const char* kMatmulInputs[] = {"a", "b"};
constexpr const char* kBatchNormInputs[] = {"input", "mean", "variance", "weight", "bias", "residual"};
constexpr const char* kLayerNormInputs[] = {"input", "weight", "bias"};
constexpr const char* kAddLayerNormInputs[] = {"input", "residual", "weight", "bias"};
constexpr const char* kResidualInputs[] = {"input", "residual"};
constexpr const char* kInput[] = {"input"};
constexpr const char* kWhereInputs[] = {"condition", "a", "b"};
constexpr const char* kConcatInputs[] = {"inputs"};
constexpr const char* kIndexInputs[] = {"input", "index"};
constexpr const char* kFoldInputs[] = {"weight", "bias", "mean", "variance", "gamma", "beta"};
constexpr const char* kAssignInputs[] = {"destination", "source"};

template <class Struct, size_t attributes, size_t inputs>
constexpr OpDefinition define(const char* name, const fusor_attribute_schema (&attribute_schemas)[attributes],
                              const char* const (&input_names)[inputs], int32_t min_inputs,
                              int32_t max_inputs, uint32_t required, int32_t outputs,
                              void (*infer)(Inference&)) {
  return {{name, sizeof(Struct), attribute_schemas, static_cast<int32_t>(attributes), input_names, min_inputs,
           max_inputs, outputs},
          required,
          infer};
}

// Ops without attributes.
template <size_t inputs>
constexpr OpDefinition define(const char* name, const char* const (&input_names)[inputs], int32_t count,
                              int32_t outputs, void (*infer)(Inference&)) {
  return {{name, 0, nullptr, 0, input_names, count, count, outputs}, (1u << count) - 1, infer};
}

// Ops that make data from attributes alone.
template <class Struct, size_t attributes>
constexpr OpDefinition define(const char* name, const fusor_attribute_schema (&attribute_schemas)[attributes],
                              void (*infer)(Inference&)) {
  return {{name, sizeof(Struct), attribute_schemas, static_cast<int32_t>(attributes), nullptr, 0, 0, 1},
          0,
          infer};
}

constexpr OpDefinition kOps[FUSOR_OP_COUNT] = {
    define<fusor_conv2d_attributes>("conv2d", kConv2dAttributes, kConvolutionInputs, 2, 4, 0b0011, 1,
                                    infer_conv2d),
    define<fusor_linear_attributes>("linear", kLinearAttributes, kConvolutionInputs, 2, 4, 0b0011, 1,
                                    infer_linear),
    define("matmul", kMatmulInputs, 2, 1, infer_matmul),
    define<fusor_batch_norm_attributes>("batchNorm", kBatchNormAttributes, kBatchNormInputs, 3, 6, 0b000111,
                                        1, infer_batch_norm),
    define<fusor_batch_norm_training_attributes>("batchNormTraining", kBatchNormTrainingAttributes,
                                                 kBatchNormInputs, 3, 5, 0b00111, 3,
                                                 infer_batch_norm_training),
    define<fusor_layer_norm_attributes>("layerNorm", kLayerNormAttributes, kLayerNormInputs, 1, 3, 0b001, 1,
                                        infer_layer_norm),
    define<fusor_layer_norm_attributes>("addLayerNorm", kLayerNormAttributes, kAddLayerNormInputs, 2, 4,
                                        0b0011, 2, infer_add_layer_norm),
    define<fusor_layer_norm_attributes>("rmsNorm", kLayerNormAttributes, kLayerNormInputs, 1, 2, 0b01, 1,
                                        infer_rms_norm),
    define<fusor_group_norm_attributes>("groupNorm", kGroupNormAttributes, kLayerNormInputs, 1, 3, 0b001, 1,
                                        infer_group_norm),
    define<fusor_residual_add_attributes>("residualAdd", kResidualAddAttributes, kResidualInputs, 2, 2, 0b11,
                                          1, infer_residual_add),
    define<fusor_unary_attributes>("unary", kUnaryAttributes, kInput, 1, 1, 0b1, 1, infer_unary),
    define<fusor_binary_attributes>("binary", kBinaryAttributes, kMatmulInputs, 2, 2, 0b11, 1, infer_binary),
    define("where", kWhereInputs, 3, 1, infer_where),
    define<fusor_convert_attributes>("convert", kConvertAttributes, kInput, 1, 1, 0b1, 1, infer_convert),
    define<fusor_softmax_attributes>("softmax", kSoftmaxAttributes, kInput, 1, 1, 0b1, 1, infer_softmax),
    define<fusor_reduce_attributes>("reduce", kReduceAttributes, kInput, 1, 1, 0b1, 1, infer_reduce),
    define<fusor_arg_reduce_attributes>("argReduce", kArgReduceAttributes, kInput, 1, 1, 0b1, 1,
                                        infer_arg_reduce),
    define<fusor_topk_attributes>("topk", kTopkAttributes, kInput, 1, 1, 0b1, 2, infer_topk),
    define<fusor_pool2d_attributes>("maxPool2d", kPool2dAttributes, kInput, 1, 1, 0b1, 1, infer_max_pool2d),
    define<fusor_pool2d_attributes>("avgPool2d", kPool2dAttributes, kInput, 1, 1, 0b1, 1, infer_avg_pool2d),
    define<fusor_adaptive_pool2d_attributes>("adaptiveAvgPool2d", kAdaptivePool2dAttributes, kInput, 1, 1,
                                             0b1, 1, infer_adaptive_avg_pool2d),
    define<fusor_adaptive_pool2d_attributes>("adaptiveMaxPool2d", kAdaptivePool2dAttributes, kInput, 1, 1,
                                             0b1, 1, infer_adaptive_max_pool2d),
    define<fusor_pad_attributes>("pad", kPadAttributes, kInput, 1, 1, 0b1, 1, infer_pad),
    define<fusor_dim_attributes>("concat", kDimAttributes, kConcatInputs, 1, 1024, 0, 1, infer_concat),
    define<fusor_dim_attributes>("gather", kDimAttributes, kIndexInputs, 2, 2, 0b11, 1, infer_gather),
    define<fusor_dim_attributes>("indexSelect", kDimAttributes, kIndexInputs, 2, 2, 0b11, 1,
                                 infer_index_select),
    define<fusor_shape_attributes>("reshape", kShapeAttributes, kInput, 1, 1, 0b1, 1, infer_reshape),
    define<fusor_permute_attributes>("permute", kPermuteAttributes, kInput, 1, 1, 0b1, 1, infer_permute),
    define<fusor_slice_attributes>("slice", kSliceAttributes, kInput, 1, 1, 0b1, 1, infer_slice),
    define<fusor_shape_attributes>("expand", kShapeAttributes, kInput, 1, 1, 0b1, 1, infer_expand),
    define<fusor_fill_attributes>("fill", kFillAttributes, infer_fill),
    define<fusor_arange_attributes>("arange", kArangeAttributes, infer_arange),
    define<fusor_random_attributes>("random", kRandomAttributes, infer_random),
    define<fusor_fold_batch_norm_attributes>("foldBatchNorm", kFoldBatchNormAttributes, kFoldInputs, 4, 6,
                                             0b001101, 2, infer_fold_batch_norm),
    define("assign", kAssignInputs, 2, 0, infer_assign),
};

}  // namespace

const OpDefinition* op_definition(int32_t op) {
  return op >= 0 && op < FUSOR_OP_COUNT ? &kOps[op] : nullptr;
}

const char* op_name(int32_t op, const void* attributes) {
  const auto named = [](const char* const* names, int32_t count, int32_t function, const char* otherwise) {
    return function >= 0 && function < count ? names[function] : otherwise;
  };
  const char* name = kOps[op].schema.name;
  if (attributes == nullptr) return name;
  switch (op) {
    case FUSOR_OP_UNARY:
      return named(kUnaryNames, FUSOR_UNARY_COUNT,
                   static_cast<const fusor_unary_attributes*>(attributes)->function, name);
    case FUSOR_OP_BINARY:
      return named(kBinaryNames, FUSOR_BINARY_COUNT,
                   static_cast<const fusor_binary_attributes*>(attributes)->function, name);
    case FUSOR_OP_REDUCE:
      return named(kReduceNames, FUSOR_REDUCE_COUNT,
                   static_cast<const fusor_reduce_attributes*>(attributes)->function, name);
    case FUSOR_OP_ARG_REDUCE:
      return static_cast<const fusor_arg_reduce_attributes*>(attributes)->least != 0 ? "argmin" : "argmax";
    default:
      return name;
  }
}

}  // namespace fusor
