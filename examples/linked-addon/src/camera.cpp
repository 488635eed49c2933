// A camera whose frames are tensors without being copied, and a step of a network run from C++.
//
//   new Camera(height, width)
//   camera.capture(seed)             draws a picture into the frame buffer
//   camera.frame()                   the buffer as a tensor [height, width]; imported by importTensor
//   addLayerNorm(x, residual)        one fused pass of Fusor: [sum, output]; x and residual come from
//   exportTensor sum(x)                           a promise of the sum of the elements, read where they lie
#include <fusor/fusor.h>
#include <fusor/node.h>
#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace {

Napi::Error failure(Napi::Env env) {
  return Napi::Error::New(env, fusor_last_error());
}

// The tensor of an argument, and the environment in which JavaScript's own work is queued.
fusor_tensor* tensor_argument(const Napi::CallbackInfo& info, size_t index, fusor_environment** environment) {
  fusor_tensor* tensor = nullptr;
  switch (fusor_node_get_tensor(info.Env(), info[index], &tensor, environment)) {
    case napi_ok:
      return tensor;
    case napi_generic_failure:
      throw Napi::Error::New(info.Env(), "the tensor was disposed");
    default:
      throw Napi::TypeError::New(info.Env(), "expected what exportTensor gives");
  }
}

// What importTensor takes. Takes over the reference.
Napi::Value importable(Napi::Env env, fusor_tensor* tensor) {
  napi_value value = nullptr;
  if (fusor_node_create_tensor(env, tensor, &value) != napi_ok) {
    fusor_tensor_release(tensor);
    throw Napi::Error::New(env, "cannot wrap the tensor");
  }
  return {env, value};
}

class Camera : public Napi::ObjectWrap<Camera> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Camera",
        {InstanceMethod<&Camera::capture>("capture"), InstanceMethod<&Camera::frame>("frame")});
  }

  explicit Camera(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Camera>(info) {
    const int64_t height = info[0].ToNumber().Int64Value();
    const int64_t width = info[1].ToNumber().Int64Value();
    if (height < 1 || width < 1 || height > 8192 || width > 8192) {
      throw Napi::RangeError::New(info.Env(), "height and width must be from 1 to 8192");
    }
    sizes_[0] = height;
    sizes_[1] = width;
    pixels_ = std::make_shared<std::vector<float>>(static_cast<size_t>(height * width));
  }

 private:
  void capture(const Napi::CallbackInfo& info) {
    const auto seed = static_cast<uint32_t>(info[0].ToNumber().Int64Value());
    for (size_t i = 0; i < pixels_->size(); ++i) {
      (*pixels_)[i] = static_cast<float>((i * 31 + seed * 17) % 256) / 255.0f;
    }
  }

  // The tensor holds the buffer until its last user, work that is queued included, has let go.
  Napi::Value frame(const Napi::CallbackInfo& info) {
    fusor_environment* environment = nullptr;
    tensor_argument(info, 0, &environment);
    auto held = std::make_unique<std::shared_ptr<std::vector<float>>>(pixels_);
    const auto release = [](void* user_data) {
      delete static_cast<std::shared_ptr<std::vector<float>>*>(user_data);
    };
    fusor_tensor* tensor = nullptr;
    if (fusor_tensor_wrap(environment, FUSOR_F32, 2, sizes_, pixels_->data(), release, held.get(), &tensor) !=
        FUSOR_OK) {
      throw failure(info.Env());
    }
    held.release();  // NOLINT: the tensor's from here on
    return importable(info.Env(), tensor);
  }

  int64_t sizes_[2];
  std::shared_ptr<std::vector<float>> pixels_;
};

// sum = x + residual; output = layer_norm(sum) over the last dimension: one pass over memory.
Napi::Value add_layer_norm(const Napi::CallbackInfo& info) {
  fusor_environment* environment = nullptr;
  fusor_tensor* const x = tensor_argument(info, 0, &environment);
  fusor_tensor* const residual = tensor_argument(info, 1, nullptr);
  fusor_layer_norm_attributes attributes = {};
  attributes.struct_size = sizeof attributes;
  attributes.normalized_rank = 1;
  attributes.epsilon = 1e-5f;
  fusor_tensor* const inputs[] = {x, residual, nullptr, nullptr};  // no weight, no bias
  fusor_tensor* outputs[2] = {};
  if (fusor_op_run(environment, 0, FUSOR_OP_ADD_LAYER_NORM, &attributes, inputs, 4, outputs, 2, "camera") !=
      FUSOR_OK) {
    throw failure(info.Env());
  }
  auto result = Napi::Array::New(info.Env(), 2);
  result.Set(0u, importable(info.Env(), outputs[0]));
  result.Set(1u, importable(info.Env(), outputs[1]));
  return result;
}

// The elements are read on the stream's thread, where they lie; the answer comes back to the JavaScript
// thread.
struct Sum {
  Napi::Promise::Deferred deferred;
  Napi::ThreadSafeFunction done;
  double value = 0;
  std::string error;
};

Napi::Value sum(const Napi::CallbackInfo& info) {
  fusor_environment* environment = nullptr;
  fusor_tensor* const x = tensor_argument(info, 0, &environment);
  const Napi::Env env = info.Env();
  auto* const job = new Sum{Napi::Promise::Deferred::New(env), {}, 0, {}};
  const Napi::Promise promise = job->deferred.Promise();
  job->done = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}),
                                            "sum", 0, 1, [job](Napi::Env) { delete job; });
  const auto visit = [](void* user_data, fusor_status status, const char* message, const void* data,
                        int64_t bytes) {
    auto* const work = static_cast<Sum*>(user_data);
    if (status == FUSOR_OK) {
      const auto* const elements = static_cast<const float*>(data);
      for (int64_t i = 0; i < bytes / int64_t{sizeof(float)}; ++i) work->value += elements[i];
    } else {
      work->error = message;
    }
    work->done.NonBlockingCall([work](Napi::Env js, Napi::Function) {
      if (work->error.empty()) {
        work->deferred.Resolve(Napi::Number::New(js, work->value));
      } else {
        work->deferred.Reject(Napi::Error::New(js, work->error).Value());
      }
      work->done.Release();
    });
  };
  if (fusor_tensor_visit(environment, x, visit, job) != FUSOR_OK) {
    job->done.Release();
    throw failure(env);
  }
  return promise;
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("Camera", Camera::define(env));
  exports.Set("addLayerNorm", Napi::Function::New(env, add_layer_norm));
  exports.Set("sum", Napi::Function::New(env, sum));
  return exports;
}

}  // namespace

NODE_API_MODULE(camera, initialize)
