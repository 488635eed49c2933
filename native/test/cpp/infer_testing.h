// What an op's infer says, as text: "f32 [1, 64, 112, 112]", several outputs joined by "; ", or "shape error:
// message".
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "fusor/ops.h"
#include "op/infer.h"

namespace testing {

using Type = fusor::TensorType;
using MaybeType = std::optional<fusor::TensorType>;
inline constexpr std::nullopt_t kAbsent = std::nullopt;

inline Type type(int32_t dtype, std::initializer_list<int64_t> sizes) {
  return {dtype, fusor::Shape(sizes)};
}
inline Type f32(std::initializer_list<int64_t> sizes) {
  return type(FUSOR_F32, sizes);
}
inline Type f16(std::initializer_list<int64_t> sizes) {
  return type(FUSOR_F16, sizes);
}
inline Type bf16(std::initializer_list<int64_t> sizes) {
  return type(FUSOR_BF16, sizes);
}
inline Type i32(std::initializer_list<int64_t> sizes) {
  return type(FUSOR_I32, sizes);
}
inline Type i64(std::initializer_list<int64_t> sizes) {
  return type(FUSOR_I64, sizes);
}
inline Type u8(std::initializer_list<int64_t> sizes) {
  return type(FUSOR_U8, sizes);
}

inline std::string inferred(int32_t op, const void* attributes, const std::vector<MaybeType>& inputs) {
  std::vector<const Type*> pointers;
  for (const MaybeType& input : inputs) pointers.push_back(input ? &*input : nullptr);
  try {
    const auto outputs = fusor::infer(op, attributes, pointers);
    std::string result;
    for (int32_t i = 0; i < fusor::op_definition(op)->schema.outputs; ++i) {
      if (i > 0) result += "; ";
      result += fusor::type_text(outputs[static_cast<size_t>(i)]);
    }
    return result;
  } catch (const fusor::Error& error) {
    const char* kind = "internal error";
    if (error.failure->status() == FUSOR_ERROR_ARGUMENT) kind = "argument error";
    if (error.failure->status() == FUSOR_ERROR_SHAPE) kind = "shape error";
    if (error.failure->status() == FUSOR_ERROR_DTYPE) kind = "dtype error";
    return std::string(kind) + ": " + error.failure->message();
  }
}

// For ops without attributes.
inline std::string inferred(int32_t op, std::nullptr_t, const std::vector<MaybeType>& inputs) {
  return inferred(op, static_cast<const void*>(nullptr), inputs);
}

template <class Attributes>
std::string inferred(int32_t op, const Attributes& attributes, const std::vector<MaybeType>& inputs) {
  Attributes sized = attributes;
  sized.struct_size = sizeof sized;
  return inferred(op, static_cast<const void*>(&sized), inputs);
}

}  // namespace testing
