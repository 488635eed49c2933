// Two reads and one write per element at the bandwidth of a copy: 6 bytes in 16-bit floats.
#include "residual_add/residual_add.h"

#include "elementwise/elementwise.h"
#include "geometry/dispatch.h"
#include "geometry/layout.h"
#include "math/functions.h"

namespace fusor::cuda {
namespace {

template <class T>
struct AddActivate {
  static constexpr int kInputs = 2;
  template <int V>
  struct Loaded {
    T x[V], residual[V];
  };
  const T *x, *residual;
  T* y;
  fusor_activation activation;

  template <int V>
  FUSOR_DEVICE void read(Loaded<V>& l, const int64_t (&offset)[3], unsigned repeats, int count) const {
    load_values<V>(l.x, x + offset[1], repeats & 1, count);
    load_values<V>(l.residual, residual + offset[2], repeats & 2, count);
  }
  template <int V>
  FUSOR_DEVICE void write(const Loaded<V>& l, int64_t target, int count) const {
    float sum[V];
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] = i < count ? to_float(l.x[i]) + to_float(l.residual[i]) : 0.f;
    activate(sum, activation);
    T result[V];
#pragma unroll
    for (int i = 0; i < V; ++i) result[i] = from_float<T>(sum[i]);
    store_values<V>(y + target, result, count);
  }
};

Status prepare(const fusor_op_call& call) {
  fusor_buffer& output = *call.outputs[0];
  if (!take_layout(output, *call.inputs[0])) take_layout(output, *call.inputs[1]);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_residual_add_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &residual = *call.inputs[1], &y = *call.outputs[0];
  const Elementwise<2> loop(y, {&x, &residual});
  return by_float(x.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    return loop.run<16 / sizeof(T)>(
        context.stream,
        AddActivate<T>{data_of<const T>(x), data_of<const T>(residual), data_of<T>(y), a.activation});
  });
}

}  // namespace

const OpEntry kResidualAdd{FUSOR_OP_RESIDUAL_ADD, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
