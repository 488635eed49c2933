#include "cpu/registry.h"

#include "cpu/arg_reduce/arg_reduce.h"
#include "cpu/batch_norm/batch_norm.h"
#include "cpu/binary/binary.h"
#include "cpu/concat/concat.h"
#include "cpu/convert/convert.h"
#include "cpu/create/create.h"
#include "cpu/eager/conv2d.h"
#include "cpu/fold_batch_norm/fold_batch_norm.h"
#include "cpu/gemm/gemm.h"
#include "cpu/group_norm/group_norm.h"
#include "cpu/index/index.h"
#include "cpu/layer_norm/layer_norm.h"
#include "cpu/layout/convert.h"
#include "cpu/pad/pad.h"
#include "cpu/pool2d/pool2d.h"
#include "cpu/random/random.h"
#include "cpu/reduce/reduce.h"
#include "cpu/residual_add/residual_add.h"
#include "cpu/softmax/softmax.h"
#include "cpu/topk/topk.h"
#include "cpu/unary/unary.h"
#include "cpu/where/where.h"
#include "fusor/op_names.h"

namespace fusor::cpu {
namespace {

// In the order of fusor_op; views and assign are the engine's own.
const OpEntry* const entries[] = {
    &conv2d_op,
    &linear_op,
    &matmul_op,
    &batch_norm_op,
    &batch_norm_training_op,
    &layer_norm_op,
    &add_layer_norm_op,
    &rms_norm_op,
    &group_norm_op,
    &residual_add_op,
    &unary_op,
    &binary_op,
    &where_op,
    &convert_op,
    &softmax_op,
    &reduce_op,
    &arg_reduce_op,
    &topk_op,
    &max_pool2d_op,
    &avg_pool2d_op,
    &adaptive_avg_pool2d_op,
    &adaptive_max_pool2d_op,
    &pad_op,
    &concat_op,
    &gather_op,
    &index_select_op,
    &fill_op,
    &arange_op,
    &random_op,
    &fold_batch_norm_op,
};

const char* name_of(int32_t op) {
  return op >= 0 && op < FUSOR_OP_COUNT ? fusor_op_names[op] : "an unknown op";
}

bool is_taken(const OpEntry& entry, const fusor_buffer& input) {
  if (input.layout == FUSOR_LAYOUT_BLOCKED) return entry.takes_blocked;
  return entry.takes_strides || is_contiguous(input);
}

}  // namespace

const OpEntry* find_op(int32_t op) {
  for (const OpEntry* entry : entries) {
    if (entry->op == op) return entry;
  }
  return nullptr;
}

fusor_status prepare_call(const KernelSet& kernels, const fusor_op_call& call) {
  const OpEntry* entry = find_op(call.op);
  if (!entry) return fail(FUSOR_ERROR_UNSUPPORTED, "the CPU backend has no kernels for %s", name_of(call.op));
  return prepare_op_entry(*entry, kernels, call);
}

fusor_status run_call(const KernelSet& kernels, Scratch& scratch, const fusor_op_call& call) {
  const OpEntry* entry = find_op(call.op);
  if (!entry) return fail(FUSOR_ERROR_UNSUPPORTED, "the CPU backend has no kernels for %s", name_of(call.op));
  struct ResetAtEnd {
    Scratch& scratch;
    ~ResetAtEnd() { scratch.reset(); }
  } reset{scratch};
  Pool& pool = Pool::instance();
  const Pool::Turn turn;
  OpContext context{kernels, pool, pool.threads(), scratch};

  int32_t copies = 0;
  for (int32_t i = 0; i < call.input_count; ++i)
    copies += call.inputs[i] && !is_taken(*entry, *call.inputs[i]);
  if (copies == 0) return entry->run(context, call);

  auto* const buffers =
      static_cast<fusor_buffer*>(scratch.allocate(copies * static_cast<int64_t>(sizeof(fusor_buffer))));
  auto* const inputs = static_cast<const fusor_buffer**>(
      scratch.allocate(call.input_count * static_cast<int64_t>(sizeof(fusor_buffer*))));
  if (!buffers || !inputs)
    return fail(FUSOR_ERROR_OUT_OF_MEMORY, "%s: no memory for its arguments", name_of(call.op));
  fusor_buffer* copy = buffers;
  for (int32_t i = 0; i < call.input_count; ++i) {
    inputs[i] = call.inputs[i];
    if (!call.inputs[i] || is_taken(*entry, *call.inputs[i])) continue;
    *copy = *call.inputs[i];
    copy->identity = 0;
    describe_contiguous(*copy);
    copy->data = scratch.allocate(copy->byte_size);
    if (!copy->data) {
      return fail(FUSOR_ERROR_OUT_OF_MEMORY, "%s: no memory for a contiguous copy of input %d, %lld bytes",
                  name_of(call.op), i, static_cast<long long>(copy->byte_size));
    }
    if (const fusor_status status = convert_layout(kernels, pool, context.threads, *call.inputs[i], *copy))
      return status;
    inputs[i] = copy++;
  }
  fusor_op_call contiguous = call;
  contiguous.inputs = inputs;
  return entry->run(context, contiguous);
}

}  // namespace fusor::cpu
