// Tensors to and from addons of others: see fusor/node.h.
#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/failure.h"
#include "binding/functions.h"
#include "binding/handles.h"

namespace fusor::binding {
namespace {

bool is_tagged(napi_env env, napi_value object) {
  bool tagged = false;
  return napi_check_object_type_tag(env, object, &fusor_node_type_tag, &tagged) == napi_ok && tagged;
}

}  // namespace

// Tags the handle, so that other addons know what it is; tagging all of them would cost every op.
Napi::Value share(const Napi::CallbackInfo& info) {
  const napi_env env = info.Env();
  tensor_of(Environment::of(info), info[0], "tensor");
  if (!is_tagged(env, info[0]) && napi_type_tag_object(env, info[0], &fusor_node_type_tag) != napi_ok)
    fail(FUSOR_ERROR_INTERNAL, "cannot tag a handle");
  return info[0];
}

// The tensor behind a tagged value: taken over from one that an addon made, shared with one of our own.
Napi::Value adopt(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(info);
  void* data = nullptr;
  if (!is_tagged(env, info[0]) || napi_unwrap(env, info[0], &data) != napi_ok) {
    fail(FUSOR_ERROR_ARGUMENT, "importTensor: expected what fusor_node_create_tensor made");
  }
  auto* const shared = static_cast<fusor_node_tensor*>(data);
  if (shared->tensor == nullptr) {
    fail(FUSOR_ERROR_DISPOSED, "importTensor: this tensor was imported already, or was disposed");
  }
  const bool own = shared->environment != nullptr;
  TensorReference tensor(own ? fusor_tensor_retain(shared->tensor) : shared->tensor);
  if (!own) shared->tensor = nullptr;

  fusor_tensor_info geometry{};
  geometry.struct_size = sizeof geometry;
  check(fusor_tensor_get_info(tensor.get(), &geometry));
  const auto rank = static_cast<uint32_t>(geometry.rank);
  auto shape = Napi::Array::New(env, rank);
  for (uint32_t i = 0; i < rank; ++i) shape.Set(i, static_cast<double>(geometry.sizes[i]));
  auto result = Napi::Array::New(env, 4);
  result.Set(0u, Handle::wrap(environment, std::move(tensor)));
  result.Set(1u, geometry.dtype);
  result.Set(2u, shape);
  result.Set(3u, geometry.device);
  return result;
}

}  // namespace fusor::binding
