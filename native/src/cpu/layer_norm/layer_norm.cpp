#include "cpu/layer_norm/layer_norm.h"

#include <algorithm>

#include "cpu/memory/memory.h"

namespace fusor::cpu {

namespace {

const float* optional_data(const fusor_op_call& call, int32_t index) {
  return index < call.input_count && call.inputs[index] ? data_of<const float>(*call.inputs[index]) : nullptr;
}

LayerNormRows all_rows(const fusor_op_call& call, int32_t first_parameter) {
  const auto& a = *static_cast<const fusor_layer_norm_attributes*>(call.attributes);
  const fusor_buffer& x = *call.inputs[0];
  LayerNormRows rows{};
  rows.width = rows.rows = 1;
  for (int32_t i = 0; i < x.rank; ++i)
    (i < x.rank - a.normalized_rank ? rows.rows : rows.width) *= x.sizes[i];
  rows.x = data_of<const float>(x);
  rows.weight = optional_data(call, first_parameter);
  rows.bias = optional_data(call, first_parameter + 1);
  rows.epsilon = a.epsilon;
  return rows;
}

void run_rows(OpContext& context, const LayerNormRows& all, void (*kernel)(const LayerNormRows&)) {
  if (all.rows * all.width == 0) return;
  // Below some 64 KB, waking another thread takes longer than the work.
  const int threads = all.rows * all.width < 16384 ? 1 : context.threads;
  // The statistics of an item's first row have no row before it to be written: items are as long as balance
  // allows, 16 for every thread, but no less than some 32 KB.
  const int64_t rows_at_once = std::max<int64_t>({1, 8192 / all.width, all.rows / (threads * int64_t{16})});
  WorkShares shares((all.rows + rows_at_once - 1) / rows_at_once, threads);
  context.pool.share(threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t first = item * rows_at_once, offset = first * all.width;
      LayerNormRows part = all;
      part.streams = all.rows * all.width * int64_t{sizeof(float)} >= kStreamedBytes;
      part.rows = std::min(rows_at_once, all.rows - first);
      part.x += offset;
      part.output += offset;
      if (part.residual) {
        part.residual += offset;
        part.sum += offset;
      }
      kernel(part);
    }
  });
}

fusor_status run_layer_norm(OpContext& context, const fusor_op_call& call) {
  LayerNormRows rows = all_rows(call, 1);
  rows.output = data_of<float>(*call.outputs[0]);
  run_rows(context, rows, context.kernels.layer_norm->layer_norm);
  return FUSOR_OK;
}

fusor_status run_add_layer_norm(OpContext& context, const fusor_op_call& call) {
  LayerNormRows rows = all_rows(call, 2);
  rows.residual = data_of<const float>(*call.inputs[1]);
  rows.sum = data_of<float>(*call.outputs[0]);
  rows.output = data_of<float>(*call.outputs[1]);
  run_rows(context, rows, context.kernels.layer_norm->layer_norm);
  return FUSOR_OK;
}

fusor_status run_rms_norm(OpContext& context, const fusor_op_call& call) {
  LayerNormRows rows = all_rows(call, 1);
  rows.output = data_of<float>(*call.outputs[0]);
  run_rows(context, rows, context.kernels.layer_norm->rms_norm);
  return FUSOR_OK;
}

}  // namespace

const OpEntry layer_norm_op{FUSOR_OP_LAYER_NORM, false, false, nullptr, run_layer_norm};
const OpEntry add_layer_norm_op{FUSOR_OP_ADD_LAYER_NORM, false, false, nullptr, run_add_layer_norm};
const OpEntry rms_norm_op{FUSOR_OP_RMS_NORM, false, false, nullptr, run_rms_norm};

}  // namespace fusor::cpu
