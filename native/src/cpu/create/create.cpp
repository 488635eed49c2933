#include "cpu/create/create.h"

#include <algorithm>
#include <cstring>

namespace fusor::cpu {

namespace {

fusor_status prepare(const KernelSet&, const fusor_op_call& call) {
  const int32_t dtype = call.outputs[0]->dtype;
  if (dtype == FUSOR_F16 || dtype == FUSOR_BF16)
    return fail(FUSOR_ERROR_DTYPE,
                "the CPU makes f32 and integer tensors; make f32 and convert to 16-bit floats");
  return FUSOR_OK;
}

// Calls body(T*, first, last) on parts of the output.
template <class T, class Body>
void in_parts(OpContext& context, const fusor_buffer& output, const Body& body) {
  constexpr int64_t kAtOnce = 16384;
  const int64_t count = element_count(output);
  WorkShares shares((count + kAtOnce - 1) / kAtOnce, count <= kAtOnce ? 1 : context.threads);
  context.pool.share(count <= kAtOnce ? 1 : context.threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;)
      body(data_of<T>(output), item * kAtOnce, std::min(count, (item + 1) * kAtOnce));
  });
}

template <class Body>
void by_dtype(OpContext& context, const fusor_buffer& output, const Body& body) {
  switch (output.dtype) {
    case FUSOR_F32:
      return in_parts<float>(context, output, body);
    case FUSOR_I32:
      return in_parts<int32_t>(context, output, body);
    case FUSOR_I64:
      return in_parts<int64_t>(context, output, body);
    default:
      return in_parts<uint8_t>(context, output, body);
  }
}

fusor_status run_fill(OpContext& context, const fusor_op_call& call) {
  const double value = static_cast<const fusor_fill_attributes*>(call.attributes)->value;
  by_dtype(context, *call.outputs[0], [&](auto* data, int64_t first, int64_t last) {
    std::fill(data + first, data + last, static_cast<std::remove_pointer_t<decltype(data)>>(value));
  });
  return FUSOR_OK;
}

fusor_status run_arange(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_arange_attributes*>(call.attributes);
  by_dtype(context, *call.outputs[0], [&](auto* data, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i)
      data[i] = static_cast<std::remove_pointer_t<decltype(data)>>(a.start + static_cast<double>(i) * a.step);
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry fill_op{FUSOR_OP_FILL, false, false, prepare, run_fill};
const OpEntry arange_op{FUSOR_OP_ARANGE, false, false, prepare, run_arange};

}  // namespace fusor::cpu
