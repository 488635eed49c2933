#include "op/infer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "tensor/dtype.h"

namespace fusor {
namespace {

// The longest list of inputs with a place for each (concat's has no places).
constexpr int32_t kMaxPlaces = 6;

template <class T>
T read(const void* attributes, int32_t offset) {
  T value;
  std::memcpy(&value, static_cast<const char*>(attributes) + offset, sizeof value);
  return value;
}

void check_attribute(const char* op, const fusor_attribute_schema& attribute, const void* attributes) {
  switch (attribute.type) {
    case FUSOR_ATTRIBUTE_ENUM: {
      const int32_t value = read<int32_t>(attributes, attribute.offset);
      if (value >= 0 && value < attribute.name_count) return;
      std::string names;
      for (int32_t i = 0; i < attribute.name_count; ++i) {
        if (i > 0) names += ", ";
        names += attribute.names[i];
      }
      fail(FUSOR_ERROR_ARGUMENT, op, ": ", attribute.name, " ", value, " is not one of 0 to ",
           attribute.name_count - 1, " (", names, ")");
    }
    case FUSOR_ATTRIBUTE_BOOL: {
      const int32_t value = read<int32_t>(attributes, attribute.offset);
      if (value == 0 || value == 1) return;
      fail(FUSOR_ERROR_ARGUMENT, op, ": ", attribute.name, " must be 0 or 1, got ", value);
    }
    case FUSOR_ATTRIBUTE_INT32_ARRAY:
    case FUSOR_ATTRIBUTE_INT64_ARRAY: {
      if (attribute.count_offset < 0) return;
      const int32_t count = read<int32_t>(attributes, attribute.count_offset);
      if (count >= 0 && count <= attribute.count) return;
      fail(FUSOR_ERROR_ARGUMENT, op, ": ", attribute.name, " has ", count,
           " entries, but tensors have at most ", attribute.count, " dimensions");
    }
    case FUSOR_ATTRIBUTE_ACTIVATION: {
      const auto activation = read<fusor_activation>(attributes, attribute.offset);
      if (activation.kind < FUSOR_ACTIVATION_NONE || activation.kind > FUSOR_ACTIVATION_CLAMP) {
        fail(FUSOR_ERROR_ARGUMENT, op, ": activation ", activation.kind, " is not one of 0 to ",
             static_cast<int>(FUSOR_ACTIVATION_CLAMP), " (none, relu, gelu, gelu-tanh, silu, clamp)");
      }
      if (activation.kind == FUSOR_ACTIVATION_CLAMP &&
          (std::isnan(activation.low) || std::isnan(activation.high))) {
        fail(FUSOR_ERROR_ARGUMENT, op, ": the bounds of activation clamp must be numbers, got [",
             activation.low, ", ", activation.high, "]");
      }
      return;
    }
    default:
      return;
  }
}

void check_attributes(const fusor_op_schema& schema, const void* attributes) {
  if (schema.struct_size == 0) return;
  if (attributes == nullptr) fail(FUSOR_ERROR_ARGUMENT, schema.name, ": attributes are missing");
  const auto size = read<uint32_t>(attributes, 0);
  if (size < static_cast<uint32_t>(schema.struct_size)) {
    fail(FUSOR_ERROR_ARGUMENT, schema.name, ": attributes say struct_size ", size,
         ", but this version of fusor has ", schema.struct_size, " bytes there");
  }
  for (int32_t i = 0; i < schema.attribute_count; ++i)
    check_attribute(schema.name, schema.attributes[i], attributes);
}

void check_type(const char* op, const char* what, const TensorType& type) {
  if (!is_dtype(type.dtype))
    fail(FUSOR_ERROR_DTYPE, op, ": ", what, " has dtype ", type.dtype, ", which is none");
  if (!shape_fits(type.shape, dtype_size(type.dtype))) {
    fail(FUSOR_ERROR_SHAPE, op, ": ", what, " cannot have shape ", type.shape,
         ": sizes are at least 0 and a tensor has at most 2^62 bytes");
  }
}

}  // namespace

std::string type_text(const TensorType& type) {
  return text(dtype_name(type.dtype), " ", type.shape);
}

Inference::Inference(const OpDefinition& definition, const void* attributes,
                     std::span<const TensorType* const> inputs)
    : definition_(definition), attributes_(attributes), inputs_(inputs) {}

const char* Inference::name() const {
  return op_name(static_cast<int32_t>(&definition_ - op_definition(0)), attributes_);
}

const char* Inference::input_name(int32_t index) const {
  return definition_.schema.inputs[index];
}

void Inference::require_float(int32_t index) const {
  const int32_t dtype = input(index).dtype;
  if (!is_float(dtype)) {
    fail(FUSOR_ERROR_DTYPE, input_name(index), " must be f32, f16 or bf16, got ", dtype_name(dtype));
  }
}

void Inference::require_same_dtype(int32_t index) const {
  const TensorType* other = optional_input(index);
  if (other == nullptr || other->dtype == input(0).dtype) return;
  fail(FUSOR_ERROR_DTYPE, input_name(0), " is ", dtype_name(input(0).dtype), " but ", input_name(index),
       " is ", dtype_name(other->dtype), "; convert one of them");
}

void Inference::require_parameter_dtype(int32_t index) const {
  const TensorType* parameter = optional_input(index);
  if (parameter == nullptr || parameter->dtype == FUSOR_F32) return;
  require_same_dtype(index);
}

void Inference::require_shape(int32_t index, const Shape& expected, const char* what) const {
  const TensorType* other = optional_input(index);
  if (other == nullptr || other->shape == expected) return;
  fail(FUSOR_ERROR_SHAPE, input_name(index), " must have shape ", expected, " (", what, "), got ",
       other->shape);
}

void Inference::require_rank(int32_t index, int32_t rank, const char* dimensions) const {
  const Shape& shape = input(index).shape;
  if (shape.rank() == rank) return;
  fail(FUSOR_ERROR_SHAPE, input_name(index), " must have ", rank, " dimensions ", dimensions, ", got shape ",
       shape);
}

void Inference::require_dim(int32_t dim, const TensorType& of) const {
  const int32_t rank = std::max(of.shape.rank(), 1);
  if (dim >= 0 && dim < rank) return;
  fail(FUSOR_ERROR_ARGUMENT, "dim ", dim, " is out of range: input ", of.shape, " has dimensions 0 to ",
       rank - 1);
}

void Inference::require_epsilon(float epsilon) const {
  if (std::isfinite(epsilon) && epsilon >= 0) return;
  fail(FUSOR_ERROR_ARGUMENT, "epsilon must be a finite number >= 0, got ", epsilon);
}

void Inference::require_held(int32_t dtype, double value) const {
  if (can_hold(dtype, value)) return;
  fail(FUSOR_ERROR_ARGUMENT, "value ", value, " does not fit into ", dtype_name(dtype));
}

std::array<TensorType, FUSOR_MAX_OUTPUTS> infer(int32_t op, const void* attributes,
                                                std::span<const TensorType* const> inputs) {
  const OpDefinition* definition = op_definition(op);
  if (definition == nullptr) {
    fail(FUSOR_ERROR_ARGUMENT, "there is no op ", op, "; ops are 0 to ", FUSOR_OP_COUNT - 1);
  }
  const fusor_op_schema& schema = definition->schema;
  check_attributes(schema, attributes);
  const char* name = op_name(op, attributes);

  const auto count = static_cast<int64_t>(inputs.size());
  if (count < schema.min_inputs || count > schema.max_inputs) {
    const std::string expected = schema.min_inputs == schema.max_inputs
                                     ? text(schema.min_inputs)
                                     : text(schema.min_inputs, " to ", schema.max_inputs);
    fail(FUSOR_ERROR_ARGUMENT, name, ": expected ", expected, " inputs, got ", count);
  }
  std::array<const TensorType*, kMaxPlaces> places{};
  const bool in_places = schema.max_inputs <= kMaxPlaces;
  if (in_places) std::copy(inputs.begin(), inputs.end(), places.begin());
  const std::span<const TensorType* const> given =
      in_places ? std::span<const TensorType* const>(places.data(), static_cast<size_t>(schema.max_inputs))
                : inputs;
  for (size_t i = 0; i < given.size(); ++i) {
    const bool required = !in_places || (definition->required >> i & 1) != 0;
    const std::string what = in_places ? schema.inputs[i] : text("input ", i);
    if (given[i] != nullptr) {
      check_type(name, what.c_str(), *given[i]);
    } else if (required) {
      fail(FUSOR_ERROR_ARGUMENT, name, ": ", what, " is missing");
    }
  }

  Inference call(*definition, attributes, given);
  definition->infer(call);
  std::array<TensorType, FUSOR_MAX_OUTPUTS> outputs;
  for (int32_t i = 0; i < schema.outputs; ++i) {
    check_type(name, "the result", call.output(i));
    outputs[i] = call.output(i);
  }
  return outputs;
}

}  // namespace fusor
