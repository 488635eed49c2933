#include "backend/forms.h"

#include <vector>

namespace fusor::cuda {

bool has_form(const fusor_buffer& buffer, InputForm form) {
  switch (form) {
    case InputForm::kAnyStrides:
      return true;
    case InputForm::kRowMajor:
      return is_row_major(buffer);
    case InputForm::kChannelsLast:
      return buffer.rank == 4 ? is_channels_last(buffer) : is_row_major(buffer);
    case InputForm::kDense:
      return is_row_major(buffer) || is_channels_last(buffer);
  }
  return false;
}

bool is_aligned(const fusor_buffer& buffer) {
  return (reinterpret_cast<uintptr_t>(buffer.data) + static_cast<uintptr_t>(buffer.byte_offset)) % 16 == 0;
}

fusor_buffer copy_in_form(const fusor_buffer& buffer, InputForm form) {
  fusor_buffer copy = buffer;
  copy.data = nullptr;
  copy.identity = copy.version = 0;
  // Part of a channels-last image stays in that order: rows of channels are then copied as they lie.
  const bool channels_last =
      buffer.rank == 4 && (form == InputForm::kChannelsLast ||
                           (form == InputForm::kDense && !is_row_major(buffer) && buffer.strides[1] == 1));
  if (channels_last) {
    set_channels_last(copy);
  } else {
    set_row_major(copy);
  }
  return copy;
}

Status prepare(const OpEntry& entry, const fusor_op_call& call) {
  for (int32_t i = 0; i < call.output_count; ++i) set_row_major(*call.outputs[i]);
  if (entry.prepare == nullptr) return require_floats(call);
  std::vector<fusor_buffer> copies;
  copies.reserve(static_cast<size_t>(call.input_count));
  std::vector<const fusor_buffer*> inputs(call.inputs, call.inputs + call.input_count);
  for (const fusor_buffer*& input : inputs) {
    if (input == nullptr || has_form(*input, entry.inputs)) continue;
    input = &copies.emplace_back(copy_in_form(*input, entry.inputs));
  }
  fusor_op_call adapted = call;
  adapted.inputs = inputs.data();
  return entry.prepare(adapted);
}

}  // namespace fusor::cuda
