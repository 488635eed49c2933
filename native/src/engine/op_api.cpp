// C API: ops.
#include <vector>

#include "engine/api.h"
#include "engine/devices.h"
#include "engine/run_op.h"
#include "op/infer.h"

using namespace fusor;

namespace {

TensorType type_of(const fusor_tensor_info& info) {
  if (info.rank < 0 || info.rank > FUSOR_MAX_RANK) {
    fail(FUSOR_ERROR_SHAPE, "a tensor has 0 to ", FUSOR_MAX_RANK, " dimensions, got ", info.rank);
  }
  return {info.dtype, Shape(std::span<const int64_t>(info.sizes, static_cast<size_t>(info.rank)))};
}

}  // namespace

const fusor_op_schema* fusor_op_get_schema(int32_t op) {
  const OpDefinition* definition = op_definition(op);
  return definition != nullptr ? &definition->schema : nullptr;
}

fusor_status fusor_op_infer(int32_t op, const void* attributes, const fusor_tensor_info* const* inputs,
                            int32_t input_count, fusor_tensor_info* outputs, int32_t output_count) {
  return api::guarded([&] {
    require_list(inputs, input_count, "inputs");
    require_list(outputs, output_count, "outputs");
    std::vector<TensorType> types(static_cast<size_t>(input_count));
    std::vector<const TensorType*> given(types.size(), nullptr);
    std::vector<const Device*> devices(types.size(), nullptr);
    for (size_t i = 0; i < types.size(); ++i) {
      if (inputs[i] == nullptr) continue;
      const fusor_tensor_info& info = known_struct(inputs[i], "fusor_tensor_info");
      types[i] = type_of(info);
      given[i] = &types[i];
      devices[i] = &device_at(info.device);
    }
    const auto results = infer(op, attributes, given);
    const Device* device = common_device(op, attributes, devices);
    require_output_count(op, output_count);
    for (int32_t i = 0; i < output_count; ++i) {
      fusor_tensor_info& output = struct_at(outputs, i);
      write_struct(&output,
                   tensor_info(results[static_cast<size_t>(i)], device != nullptr ? device->number : 0),
                   "outputs");
    }
  });
}

fusor_status fusor_op_run(fusor_environment* environment, int32_t device, int32_t op, const void* attributes,
                          fusor_tensor* const* inputs, int32_t input_count, fusor_tensor** outputs,
                          int32_t output_count, const char* label) {
  return api::guarded([&] {
    required(environment, "environment");
    require_list(inputs, input_count, "inputs");
    require_list(outputs, output_count, "outputs");
    const std::span<Tensor* const> given(inputs, static_cast<size_t>(input_count));
    std::vector<Ref<Tensor>> results =
        run_op(*environment, device, op, attributes, given, output_count, label);
    for (size_t i = 0; i < results.size(); ++i) outputs[i] = results[i].detach();
  });
}
