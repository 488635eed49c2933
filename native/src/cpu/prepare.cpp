#include "cpu/op.h"
#include "fusor/op_names.h"

namespace fusor::cpu {
namespace {

const char* dtype_name(int32_t dtype) {
  static const char* const names[FUSOR_DTYPE_COUNT] = {"f32", "f16", "bf16", "i32", "i64", "u8"};
  return dtype >= 0 && dtype < FUSOR_DTYPE_COUNT ? names[dtype] : "an unknown dtype";
}

}  // namespace

fusor_status prepare_op_entry(const OpEntry& entry, const KernelSet& kernels, const fusor_op_call& call) {
  for (int32_t i = 0; i < call.output_count; ++i) describe_contiguous(*call.outputs[i]);
  if (entry.prepare) return entry.prepare(kernels, call);
  for (int32_t i = 0; i < call.input_count; ++i) {
    if (!call.inputs[i] || call.inputs[i]->dtype == FUSOR_F32) continue;
    return fail(FUSOR_ERROR_DTYPE, "%s: the CPU computes it in f32, but input %d is %s; convert to f32 first",
                fusor_op_names[entry.op], i, dtype_name(call.inputs[i]->dtype));
  }
  return FUSOR_OK;
}

}  // namespace fusor::cpu
