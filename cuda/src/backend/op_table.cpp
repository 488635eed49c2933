#include "backend/op_table.h"

#include <array>
#include <string>

#include "fusor/op_names.h"

namespace fusor::cuda {
namespace {

// In the order of fusor_op; an op that is missing here is one that this backend does not have.
constexpr const OpEntry* kEntries[] = {
    nullptr,
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
