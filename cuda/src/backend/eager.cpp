#include "backend/eager.h"

#include "backend/forms.h"
#include "copy/copy.h"

namespace fusor::cuda {

EagerContext::~EagerContext() {
  for (void* pointer : held_) device_.release(pointer);
}

Status EagerContext::workspace(int64_t bytes, void** pointer) {
  FUSOR_RETURN_IF_ERROR(device_.allocate(bytes, pointer));
  held_.push_back(*pointer);
  return {};
}

Status EagerContext::row_major(const fusor_buffer& source, fusor_buffer* result) {
  return in_form(source, InputForm::kRowMajor, result);
}

Status EagerContext::channels_last(const fusor_buffer& source, fusor_buffer* result) {
  return in_form(source, InputForm::kChannelsLast, result);
}

Status EagerContext::in_form(const fusor_buffer& source, InputForm form, fusor_buffer* result) {
  *result = source;
  if (form == InputForm::kAnyStrides || (has_form(source, form) && is_aligned(source))) return {};
  *result = copy_in_form(source, form);
  FUSOR_RETURN_IF_ERROR(workspace(result->byte_size, &result->data));
  return copy_elements(stream, source, *result);
}

Status EagerContext::check_indices(DeviceEvent event) {
  if (!report_.is_open()) return {};
  FUSOR_RETURN_IF_ERROR(device_.synchronize(event));
  return report_.take();
}

Status run_eagerly(Device& device, PreparedWeights& weights, const OpEntry& entry, const fusor_op_call& call,
                   DeviceEvent event) {
  EagerContext context(device);
  std::vector<fusor_buffer> formed(static_cast<size_t>(call.input_count));
  std::vector<const fusor_buffer*> inputs(static_cast<size_t>(call.input_count), nullptr);
  for (int32_t i = 0; i < call.input_count; ++i) {
    if (call.inputs[i] == nullptr) continue;
    const fusor_buffer& input = *call.inputs[i];
    fusor_buffer& result = formed[static_cast<size_t>(i)];
    const bool kept = i < 32 && (entry.weights >> i & 1) != 0 && input.identity != 0 &&
                      !(has_form(input, entry.inputs) && is_aligned(input));
    FUSOR_RETURN_IF_ERROR(kept ? weights.get(input, entry.inputs, &result)
                               : context.in_form(input, entry.inputs, &result));
    inputs[static_cast<size_t>(i)] = &result;
  }
  fusor_op_call adapted = call;
  adapted.inputs = inputs.data();
  FUSOR_RETURN_IF_ERROR(entry.run(context, adapted));
  return context.check_indices(event);
}

}  // namespace fusor::cuda
