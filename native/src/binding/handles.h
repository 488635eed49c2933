// References from JavaScript to tensors and plans of the engine: objects whose collection releases.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/environment.h"
#include "fusor/fusor.h"
#include "fusor/node.h"

namespace fusor::binding {

struct ReleaseTensor {
  void operator()(fusor_tensor* tensor) const { fusor_tensor_release(tensor); }
};
struct ReleasePlan {
  void operator()(fusor_plan* plan) const { fusor_plan_release(plan); }
};
using TensorReference = std::unique_ptr<fusor_tensor, ReleaseTensor>;
using PlanReference = std::unique_ptr<fusor_plan, ReleasePlan>;

// An object wraps its base, which other addons may read: see fusor/node.h.
class Handle : private fusor_node_tensor {
 public:
  static Napi::Value wrap(Environment& environment, TensorReference tensor);
  static Napi::Value wrap(Environment& environment, PlanReference plan);

  // The handle behind a JavaScript value. Throws FUSOR_ERROR_ARGUMENT if there is none, `what` naming the
  // argument.
  static Handle& of(const Environment& environment, napi_value value, const char* what);

  // The object referred to. Throws FUSOR_ERROR_ARGUMENT for the wrong kind, FUSOR_ERROR_DISPOSED after
  // dispose().
  fusor_tensor* tensor(const char* what) const;
  fusor_plan* plan(const char* what) const;

  // The handle of this environment that what an object wraps belongs to; null if it is none.
  static Handle* find(const Environment& environment, void* data);

  // Releases the object now; the empty handle stays until it is collected.
  void dispose();

 private:
  enum class Kind { kTensor, kPlan };

  Handle(Environment& environment, Kind kind)
      : fusor_node_tensor{nullptr, nullptr}, environment_(environment), kind_(kind) {}
  static Napi::Value wrap(std::unique_ptr<Handle> handle, int64_t bytes);

  Environment& environment_;
  const Kind kind_;
  TensorReference tensor_;
  PlanReference plan_;
  int64_t reported_bytes_ = 0;
};

inline fusor_tensor* tensor_of(const Environment& environment, napi_value value, const char* what) {
  return Handle::of(environment, value, what).tensor(what);
}
inline fusor_plan* plan_of(const Environment& environment, napi_value value) {
  return Handle::of(environment, value, "plan").plan("plan");
}

}  // namespace fusor::binding
