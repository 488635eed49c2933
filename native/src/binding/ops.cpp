// All ops through one door: the schemas tell how to read the attributes of each.
#include <array>
#include <string>
#include <vector>

#include "binding/arguments.h"
#include "binding/encoding.h"
#include "binding/environment.h"
#include "binding/failure.h"
#include "binding/functions.h"
#include "binding/handles.h"

namespace fusor::binding {
namespace {

const fusor_op_schema& schema_of(int32_t op) {
  const fusor_op_schema* const schema = fusor_op_get_schema(op);
  if (schema == nullptr) fail(FUSOR_ERROR_ARGUMENT, "there is no op " + std::to_string(op));
  return *schema;
}

Napi::Value names(Napi::Env env, const char* const* list, int32_t count) {
  auto result = Napi::Array::New(env, static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) result.Set(static_cast<uint32_t>(i), list[i]);
  return result;
}

Napi::Value attribute_schema(Napi::Env env, const fusor_attribute_schema& attribute) {
  auto result = Napi::Object::New(env);
  result.Set("name", attribute.name);
  result.Set("type", Napi::Number::New(env, attribute.type));
  result.Set("count", Napi::Number::New(env, attribute.count));
  result.Set("list", Napi::Boolean::New(env, attribute.count_offset >= 0));
  result.Set("names", names(env, attribute.names, attribute.name_count));
  return result;
}

Napi::Value op_schema(Napi::Env env, int32_t op) {
  const fusor_op_schema& schema = schema_of(op);
  auto result = Napi::Object::New(env);
  result.Set("id", Napi::Number::New(env, op));
  result.Set("name", schema.name);
  // concat has one name for any number of inputs.
  const int32_t input_names = schema.inputs == nullptr ? 0 : schema.max_inputs > 6 ? 1 : schema.max_inputs;
  result.Set("inputs", names(env, schema.inputs, input_names));
  result.Set("minInputs", Napi::Number::New(env, schema.min_inputs));
  result.Set("maxInputs", Napi::Number::New(env, schema.max_inputs));
  result.Set("outputs", Napi::Number::New(env, schema.outputs));
  auto attributes = Napi::Array::New(env, static_cast<size_t>(schema.attribute_count));
  for (int32_t i = 0; i < schema.attribute_count; ++i) {
    attributes.Set(static_cast<uint32_t>(i), attribute_schema(env, schema.attributes[i]));
  }
  result.Set("attributes", attributes);
  return result;
}

// Takes over what an op gave and notes its geometry in the block.
Napi::Value wrap_outputs(Environment& environment, std::span<fusor_tensor* const> tensors) {
  std::array<TensorReference, FUSOR_MAX_OUTPUTS> outputs;
  for (size_t i = 0; i < tensors.size(); ++i) outputs[i].reset(tensors[i]);
  const std::span<double> geometry = environment.block().subspan(Environment::kGeometry);
  for (size_t i = 0; i < tensors.size(); ++i) {
    fusor_tensor_info info{};
    info.struct_size = sizeof info;
    check(fusor_tensor_get_info(tensors[i], &info));
    write_spec(geometry.subspan(i * kSpecNumbers), info);
  }
  if (tensors.size() == 1) return Handle::wrap(environment, std::move(outputs[0]));
  auto result = Napi::Array::New(environment.env(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    result.Set(static_cast<uint32_t>(i), Handle::wrap(environment, std::move(outputs[i])));
  }
  return result;
}

}  // namespace

Napi::Value schemas(const Napi::CallbackInfo& info) {
  auto list = Napi::Array::New(info.Env());
  for (int32_t op = 0; op < FUSOR_OP_COUNT; ++op)
    list.Set(static_cast<uint32_t>(op), op_schema(info.Env(), op));
  return list;
}

Napi::Value run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(info);
  const int32_t op = int32_argument(env, info[0], "op");
  const fusor_op_schema& schema = schema_of(op);
  const uint32_t input_count = array_length(env, info[1], "inputs");
  std::vector<fusor_tensor*> inputs(input_count);
  for (uint32_t i = 0; i < input_count; ++i) {
    const Napi::Value input(env, array_element(env, info[1], i));
    inputs[i] = input.IsNull() ? nullptr : tensor_of(environment, input, "input");
  }
  const int32_t device = int32_argument(env, info[2], "device");
  const bool labelled = !info[3].IsUndefined();
  const std::string label = labelled ? string_argument(env, info[3], "label") : "";
  Reader reader(environment.block());
  const Attributes attributes(schema, reader);

  std::array<fusor_tensor*, FUSOR_MAX_OUTPUTS> outputs{};
  const std::span<fusor_tensor*> given(outputs.data(), static_cast<size_t>(schema.outputs));
  check(fusor_op_run(environment.engine(), device, op, attributes.data(), inputs.data(),
                     static_cast<int32_t>(input_count), given.data(), schema.outputs,
                     labelled ? label.c_str() : nullptr));
  return wrap_outputs(environment, given);
}

Napi::Value infer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int32_t op = int32_argument(env, info[0], "op");
  const fusor_op_schema& schema = schema_of(op);
  Reader reader(float64_array(env, info[1], "arguments"));
  const Attributes attributes(schema, reader);
  const size_t input_count = reader.count();
  std::vector<fusor_tensor_info> inputs(input_count);
  std::vector<const fusor_tensor_info*> pointers(input_count);
  for (size_t i = 0; i < input_count; ++i) pointers[i] = read_spec(reader, inputs[i]) ? &inputs[i] : nullptr;

  std::array<fusor_tensor_info, FUSOR_MAX_OUTPUTS> outputs{};
  for (fusor_tensor_info& output : outputs) output.struct_size = sizeof output;
  check(fusor_op_infer(op, attributes.data(), pointers.data(), static_cast<int32_t>(input_count),
                       outputs.data(), schema.outputs));
  const std::span<double> geometry = Environment::of(info).block().subspan(Environment::kGeometry);
  for (int32_t i = 0; i < schema.outputs; ++i) {
    write_spec(geometry.subspan(static_cast<size_t>(i) * kSpecNumbers), outputs[static_cast<size_t>(i)]);
  }
  return Napi::Number::New(env, schema.outputs);
}

}  // namespace fusor::binding
