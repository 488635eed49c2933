#include "backend/op_table.h"

#include <array>
#include <string>

#include "arg_reduce/arg_reduce.h"
#include "batch_norm/batch_norm.h"
#include "binary/binary.h"
#include "concat/concat.h"
#include "conv2d/conv2d_op.h"
#include "convert/convert.h"
#include "create/create.h"
#include "fold_batch_norm/fold_batch_norm.h"
#include "fusor/op_names.h"
#include "group_norm/group_norm.h"
#include "index/index.h"
#include "layer_norm/layer_norm.h"
#include "linear/linear.h"
#include "pad/pad.h"
#include "pool2d/pool2d.h"
#include "random/random.h"
#include "reduce/reduce.h"
#include "residual_add/residual_add.h"
#include "softmax/softmax.h"
#include "topk/topk.h"
#include "unary/unary.h"
#include "where/where.h"

namespace fusor::cuda {
namespace {

// In the order of fusor_op; an op that is missing here is one that this backend does not have.
constexpr const OpEntry* kEntries[] = {
    &kConv2d,
    &kLinear,
    &kMatmul,
    &kBatchNorm,
    &kBatchNormTraining,
    &kLayerNorm,
    &kAddLayerNorm,
    &kRmsNorm,
    &kGroupNorm,
    &kResidualAdd,
    &kUnary,
    &kBinary,
    &kWhere,
    &kConvert,
    &kSoftmax,
    &kReduce,
    &kArgReduce,
    &kTopk,
    &kMaxPool2d,
    &kAvgPool2d,
    &kAdaptiveAvgPool2d,
    &kAdaptiveMaxPool2d,
    &kPad,
    &kConcat,
    &kGather,
    &kIndexSelect,
    &kFill,
    &kArange,
    &kRandom,
    &kFoldBatchNorm,
};

}  // namespace

const OpEntry* find_op(int32_t op) {
  static const std::array<const OpEntry*, FUSOR_OP_COUNT> by_op = [] {
    std::array<const OpEntry*, FUSOR_OP_COUNT> table{};
    for (const OpEntry* entry : kEntries) {
      if (entry != nullptr) table[static_cast<size_t>(entry->op)] = entry;
    }
    return table;
  }();
  return op >= 0 && op < FUSOR_OP_COUNT ? by_op[static_cast<size_t>(op)] : nullptr;
}

Status require_float(const fusor_op_call& call, int32_t index) {
  const fusor_buffer* input = index < call.input_count ? call.inputs[index] : nullptr;
  if (input == nullptr || is_float(input->dtype)) return {};
  return {FUSOR_ERROR_DTYPE, "input " + std::to_string(index) +
                                 " must be f32, f16 or bf16 on this device, got " + dtype_name(input->dtype)};
}

Status require_floats(const fusor_op_call& call) {
  for (int32_t i = 0; i < call.input_count; ++i) {
    FUSOR_RETURN_IF_ERROR(require_float(call, i));
    if (call.inputs[i] == nullptr || call.inputs[i]->dtype == call.inputs[0]->dtype) continue;
    return {FUSOR_ERROR_DTYPE, "input " + std::to_string(i) + " is " + dtype_name(call.inputs[i]->dtype) +
                                   ", but input 0 is " + dtype_name(call.inputs[0]->dtype)};
  }
  return {};
}

}  // namespace fusor::cuda
