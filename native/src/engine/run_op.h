// An eager op: checked at once, done later, or right away where it is only another view.
#pragma once

#include <span>
#include <vector>

#include "engine/environment.h"
#include "fusor/fusor.h"
#include "op/infer.h"
#include "tensor/tensor.h"

namespace fusor {

// `device` is for ops without inputs. `label` may be null. Throws if the arguments do not fit.
std::vector<Ref<Tensor>> run_op(Environment& environment, int32_t device, int32_t op, const void* attributes,
                                std::span<Tensor* const> inputs, int32_t output_count, const char* label);

// The device of all inputs; null if there are none. Entries may be null. Throws FUSOR_ERROR_DEVICE if there
// are several.
const Device* common_device(int32_t op, const void* attributes, std::span<const Device* const> devices);
void require_output_count(int32_t op, int32_t count);

// Of a new, contiguous tensor.
fusor_tensor_info tensor_info(const TensorType& type, int32_t device);

}  // namespace fusor
