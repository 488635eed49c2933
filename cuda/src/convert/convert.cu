// One read and one write per element, at the bandwidth of a copy.
#include "convert/convert.h"

#include "copy/copy.h"
#include "elementwise/elementwise.h"
#include "geometry/dispatch.h"
#include "geometry/layout.h"
#include "math/convert.h"

namespace fusor::cuda {
namespace {

template <class From, class To>
struct Conversion : OneInput<From> {
  template <int V>
  using Loaded = typename OneInput<From>::template Loaded<V>;
  To* y;

  template <int V>
  FUSOR_DEVICE void write(const Loaded<V>& l, int64_t target, int count) const {
    To result[V];
#pragma unroll
    for (int i = 0; i < V; ++i)
      if (i < count) result[i] = convert<To>(l.x[i]);
    store_values<V>(y + target, result, count);
  }
};

Status prepare(const fusor_op_call& call) {
  take_layout(*call.outputs[0], *call.inputs[0]);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  if (x.dtype == y.dtype) return copy_elements(context.stream, x, y);
  const Elementwise<1> loop(y, {&x});
  return by_dtype(x.dtype, [&](auto from) {
    return by_dtype(y.dtype, [&](auto to) -> Status {
      using From = typename decltype(from)::type;
      using To = typename decltype(to)::type;
      if constexpr (std::is_same_v<From, To>) {
        return {};  // copied above
      } else {
        constexpr int kWidth = 16 / std::max(sizeof(From), sizeof(To));
        return loop.run<kWidth>(context.stream,
                                Conversion<From, To>{{data_of<const From>(x)}, data_of<To>(y)});
      }
    });
  });
}

}  // namespace

const OpEntry kConvert{FUSOR_OP_CONVERT, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
