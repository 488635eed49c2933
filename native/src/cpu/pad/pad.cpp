// Padding with a constant (negative amounts crop), or by reflecting or replicating the edge:
// https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
#include "cpu/pad/pad.h"

#include <algorithm>
#include <cstring>

#include "cpu/layout/convert.h"

namespace fusor::cpu {

namespace {

fusor_status prepare(const KernelSet&, const fusor_op_call& call) {
  const int32_t dtype = call.inputs[0]->dtype;
  const auto& a = *static_cast<const fusor_pad_attributes*>(call.attributes);
  if ((dtype == FUSOR_F16 || dtype == FUSOR_BF16) && a.mode == FUSOR_PAD_CONSTANT && a.value != 0)
    return fail(FUSOR_ERROR_DTYPE,
                "pad: the CPU pads 16-bit floats with zero, reflect or replicate; convert to f32 first to "
                "pad with %g",
                a.value);
  return FUSOR_OK;
}

template <class T>
void fill(OpContext& context, const fusor_buffer& output, T value) {
  constexpr int64_t kAtOnce = 16384;
  const int64_t count = element_count(output);
  T* data = data_of<T>(output);
  WorkShares shares((count + kAtOnce - 1) / kAtOnce, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;)
      std::fill(data + item * kAtOnce, data + std::min(count, (item + 1) * kAtOnce), value);
  });
}

void fill_value(OpContext& context, const fusor_buffer& output, double value) {
  switch (output.dtype) {
    case FUSOR_F32:
      return fill(context, output, static_cast<float>(value));
    case FUSOR_I32:
      return fill(context, output, static_cast<int32_t>(value));
    case FUSOR_I64:
      return fill(context, output, static_cast<int64_t>(value));
    case FUSOR_U8:
      return fill(context, output, static_cast<uint8_t>(value));
    default:
      return fill(context, output, static_cast<uint16_t>(0));  // 16-bit floats: prepare allows zero only
  }
}

fusor_status pad_constant(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_pad_attributes*>(call.attributes);
  const fusor_buffer& output = *call.outputs[0];
  fill_value(context, output, a.value);
  // What remains of the input after cropping, and where it goes.
  fusor_buffer source = *call.inputs[0], target = output;
  const int64_t size = element_size(output.dtype);
  for (int32_t d = 0; d < source.rank; ++d) {
    const int64_t cropped_before = std::max<int64_t>(-a.before[d], 0),
                  cropped_after = std::max<int64_t>(-a.after[d], 0);
    source.sizes[d] -= cropped_before + cropped_after;
    if (source.sizes[d] <= 0) return FUSOR_OK;
    source.byte_offset += cropped_before * source.strides[d] * size;
    target.byte_offset += std::max<int64_t>(a.before[d], 0) * target.strides[d] * size;
    target.sizes[d] = source.sizes[d];
  }
  return convert_layout(context.kernels, context.pool, context.threads, source, target);
}

int64_t mirrored(int64_t index, int64_t size, int32_t mode) {
  if (mode == FUSOR_PAD_REPLICATE) return std::clamp<int64_t>(index, 0, size - 1);
  if (index < 0) index = -index;
  return index < size ? index : 2 * (size - 1) - index;
}

// Row by row: the source row by mapping each outer index, then the row's elements by mapping theirs.
fusor_status pad_mirrored(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_pad_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  const int64_t size = element_size(y.dtype), width = y.sizes[y.rank - 1];
  const int64_t rows = width == 0 ? 0 : element_count(y) / width;
  WorkShares shares(rows, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t row; (row = shares.take(team)) >= 0;) {
      int64_t offset = 0, rest = row;
      for (int32_t d = y.rank - 2; d >= 0; --d) {
        offset += mirrored(rest % y.sizes[d] - a.before[d], x.sizes[d], a.mode) * x.strides[d];
        rest /= y.sizes[d];
      }
      const char* source = static_cast<const char*>(buffer_data(x)) + offset * size;
      char* target = static_cast<char*>(buffer_data(y)) + row * width * size;
      const int32_t last = y.rank - 1;
      for (int64_t i = 0; i < width; ++i)
        std::memcpy(target + i * size,
                    source + mirrored(i - a.before[last], x.sizes[last], a.mode) * x.strides[last] * size,
                    static_cast<size_t>(size));
    }
  });
  return FUSOR_OK;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  if (element_count(*call.outputs[0]) == 0) return FUSOR_OK;
  const auto& a = *static_cast<const fusor_pad_attributes*>(call.attributes);
  // A scalar has no dimension to pad in any mode.
  const bool is_copy = call.outputs[0]->rank == 0;
  return a.mode == FUSOR_PAD_CONSTANT || is_copy ? pad_constant(context, call) : pad_mirrored(context, call);
}

}  // namespace

const OpEntry pad_op{FUSOR_OP_PAD, /*takes_strides=*/true, /*takes_blocked=*/false, prepare, run};

}  // namespace fusor::cpu
