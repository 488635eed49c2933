// Writes only: 16 bytes a thread, at the bandwidth of the memory.
#include "create/create.h"

#include "elementwise/elementwise.h"
#include "geometry/dispatch.h"

namespace fusor::cuda {
namespace {

// start + i * step in double, then as T. Outputs are row-major, so an element's offset is its index.
template <class T>
struct Sequence {
  static constexpr int kInputs = 1;  // which is absent: C++ has no arrays of nothing
  template <int V>
  struct Loaded {};
  T* y;
  double start, step;

  FUSOR_DEVICE static T stored(double value) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(value);
    else
      return from_float<T>(static_cast<float>(value));
  }
  template <int V>
  FUSOR_DEVICE void read(Loaded<V>&, const int64_t (&)[2], unsigned, int) const {}
  template <int V>
  FUSOR_DEVICE void write(const Loaded<V>&, int64_t target, int count) const {
    T result[V];
    const T first = stored(start);
#pragma unroll
    for (int i = 0; i < V; ++i)
      result[i] = step == 0 ? first : stored(start + static_cast<double>(target + i) * step);
    store_values<V>(y + target, result, count);
  }
};

Status prepare(const fusor_op_call&) {
  return {};
}

Status write_sequence(OpContext& context, const fusor_buffer& y, double start, double step) {
  Dimensions<2> dimensions;
  dimensions.add(element_count(y), {1, 0});
  const Elementwise<1> loop(dimensions, {{data_pointer(y), element_size(y.dtype)}, {}});
  return by_dtype(y.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    return loop.run<16 / sizeof(T)>(context.stream, Sequence<T>{data_of<T>(y), start, step});
  });
}

Status run_fill(OpContext& context, const fusor_op_call& call) {
  const double value = static_cast<const fusor_fill_attributes*>(call.attributes)->value;
  return write_sequence(context, *call.outputs[0], value, 0);
}

Status run_arange(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_arange_attributes*>(call.attributes);
  return write_sequence(context, *call.outputs[0], a.start, a.step);
}

}  // namespace

const OpEntry kFill{FUSOR_OP_FILL, InputForm::kAnyStrides, /*weights=*/0, prepare, run_fill};
const OpEntry kArange{FUSOR_OP_ARANGE, InputForm::kAnyStrides, /*weights=*/0, prepare, run_arange};

}  // namespace fusor::cuda
