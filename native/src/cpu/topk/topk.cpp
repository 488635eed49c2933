// The k greatest (or least) elements along a dimension and their indices. NaN counts as the greatest, as in
// PyTorch; of equal elements the one with the lower index comes first, so the result is determined.
#include "cpu/topk/topk.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fusor::cpu {

namespace {

// x seen as [outer, size, inner] around the dimension.
struct Around {
  int64_t outer = 1, size, inner = 1;
};
Around around(const fusor_buffer& x, int32_t dim) {
  Around shape;
  shape.size = x.rank ? x.sizes[dim] : 1;
  for (int32_t d = 0; d < dim; ++d) shape.outer *= x.sizes[d];
  for (int32_t d = dim + 1; d < x.rank; ++d) shape.inner *= x.sizes[d];
  return shape;
}

template <class T>
bool is_greater(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  }
  return a > b;
}

template <class T>
void select_rows(OpContext& context, const fusor_op_call& call, const fusor_topk_attributes& a,
                 int64_t* order_memory) {
  const Around shape = around(*call.inputs[0], a.dim);
  const T* x = data_of<const T>(*call.inputs[0]);
  T* values = data_of<T>(*call.outputs[0]);
  int64_t* indices = data_of<int64_t>(*call.outputs[1]);
  WorkShares shares(shape.outer * shape.inner, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    int64_t* order = order_memory + team.thread() * shape.size;
    for (int64_t row; (row = shares.take(team)) >= 0;) {
      const int64_t outer = row / shape.inner, inner = row % shape.inner;
      const T* source = x + outer * shape.size * shape.inner + inner;
      std::iota(order, order + shape.size, int64_t{0});
      const auto comes_first = [&](int64_t i, int64_t j) {
        const T u = source[i * shape.inner], v = source[j * shape.inner];
        if (is_greater(u, v)) return a.largest != 0;
        if (is_greater(v, u)) return a.largest == 0;
        return i < j;
      };
      // `sorted: false` leaves the order open; the sorted one is as good as any.
      std::partial_sort(order, order + a.k, order + shape.size, comes_first);
      for (int64_t i = 0; i < a.k; ++i) {
        const int64_t target = (outer * a.k + i) * shape.inner + inner;
        values[target] = source[order[i] * shape.inner];
        indices[target] = order[i];
      }
    }
  });
}

fusor_status prepare(const KernelSet&, const fusor_op_call& call) {
  const int32_t dtype = call.inputs[0]->dtype;
  if (dtype == FUSOR_F16 || dtype == FUSOR_BF16)
    return fail(FUSOR_ERROR_DTYPE,
                "topk: the CPU takes f32 and integers; convert 16-bit floats to f32 first");
  return FUSOR_OK;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_topk_attributes*>(call.attributes);
  if (element_count(*call.outputs[0]) == 0) return FUSOR_OK;
  const int64_t size = around(*call.inputs[0], a.dim).size;
  auto* order = static_cast<int64_t*>(
      context.scratch.allocate(size * context.threads * static_cast<int64_t>(sizeof(int64_t))));
  if (!order)
    return fail(FUSOR_ERROR_OUT_OF_MEMORY, "topk: no memory to order %lld elements",
                static_cast<long long>(size));
  switch (call.inputs[0]->dtype) {
    case FUSOR_F32:
      select_rows<float>(context, call, a, order);
      break;
    case FUSOR_I32:
      select_rows<int32_t>(context, call, a, order);
      break;
    case FUSOR_I64:
      select_rows<int64_t>(context, call, a, order);
      break;
    default:
      select_rows<uint8_t>(context, call, a, order);
      break;
  }
  return FUSOR_OK;
}

}  // namespace

const OpEntry topk_op{FUSOR_OP_TOPK, /*takes_strides=*/false, /*takes_blocked=*/false, prepare, run};

}  // namespace fusor::cpu
