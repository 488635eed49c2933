// One write per element of the result and a read where it comes from the input; only bytes are moved, so
// there is a kernel per size of unit. Where the innermost dimension is not padded (channels of channels-last
// images), units are as wide as its size and the addresses allow, up to 16 bytes.
#include "pad/pad.h"

#include <algorithm>
#include <cstring>

#include "arch/launch.h"
#include "arch/vector.h"
#include "geometry/divisor.h"
#include "math/convert.h"

namespace fusor::cuda {
namespace {

constexpr int kThreads = 256;

struct alignas(16) Wide {
  uint32_t words[4];
};

template <class Unit>
struct Padding {
  const Unit* x;
  Unit* y;
  int32_t rank, mode;
  // By dimension in the order of the result's memory, innermost first; in units.
  Divisor sizes[FUSOR_MAX_RANK];
  int64_t before[FUSOR_MAX_RANK], inputs[FUSOR_MAX_RANK];
  int64_t x_stride[FUSOR_MAX_RANK];
  int64_t count;
  Unit fill;
};

/** Where index `i` of the result lies in the input; -1 where nowhere. */
FUSOR_DEVICE int64_t source_index(int64_t i, int64_t before, int64_t size, int32_t mode) {
  i -= before;
  switch (mode) {
    case FUSOR_PAD_REPLICATE:
      return i < 0 ? 0 : i < size ? i : size - 1;
    case FUSOR_PAD_REFLECT:
      i = i < 0 ? -i : i;
      return i < size ? i : 2 * (size - 1) - i;
    default:
      return i >= 0 && i < size ? i : -1;
  }
}

template <class Unit>
__global__ void __launch_bounds__(kThreads) pad_kernel(Padding<Unit> a) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t item = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; item < a.count;
       item += step) {
    int64_t rest = item, offset = 0;
    bool is_inside = true;
    for (int d = 0; d < a.rank; ++d) {
      const int64_t outer = a.sizes[d].quotient(rest);
      const int64_t i = source_index(rest - outer * a.sizes[d].size, a.before[d], a.inputs[d], a.mode);
      is_inside = is_inside && i >= 0;
      offset += i * a.x_stride[d];
      rest = outer;
    }
    Vector<Unit, 1> value{{a.fill}};
    if (is_inside) value = load<1>(a.x + offset);
    store(a.y + item, value);
  }
}

// The constant in the output's type, as PyTorch rounds it: through double and f32.
void fill_bytes(int32_t dtype, double value, unsigned char* bytes) {
  const auto put = [&](auto element) {
    for (size_t i = 0; i < 16; i += sizeof element) std::memcpy(bytes + i, &element, sizeof element);
  };
  switch (dtype) {
    case FUSOR_F16:
      return put(from_float<f16>(static_cast<float>(value)));
    case FUSOR_BF16:
      return put(from_float<bf16>(static_cast<float>(value)));
    case FUSOR_I32:
      return put(static_cast<int32_t>(value));
    case FUSOR_I64:
      return put(static_cast<int64_t>(value));
    case FUSOR_U8:
      return put(static_cast<uint8_t>(value));
    default:
      return put(static_cast<float>(value));
  }
}

// Dimensions of the result as they lie in memory, innermost first.
int order_of(const fusor_buffer& y, int32_t (&order)[FUSOR_MAX_RANK]) {
  for (int32_t d = 0; d < y.rank; ++d) order[d] = y.rank - 1 - d;
  std::stable_sort(order, order + y.rank, [&](int32_t a, int32_t b) { return y.strides[a] < y.strides[b]; });
  return y.rank;
}

template <class Unit>
Status run_units(OpContext& context, const fusor_op_call& call, int64_t per_unit) {
  const auto& attributes = *static_cast<const fusor_pad_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  Padding<Unit> a{};
  a.x = static_cast<const Unit*>(data_pointer(x));
  a.y = static_cast<Unit*>(data_pointer(y));
  a.mode = attributes.mode;
  int32_t order[FUSOR_MAX_RANK];
  a.rank = order_of(y, order);
  for (int d = 0; d < a.rank; ++d) {
    const int64_t scale = d == 0 ? per_unit : 1;
    a.sizes[d] = Divisor(std::max<int64_t>(y.sizes[order[d]] / scale, 1));
    a.inputs[d] = x.sizes[order[d]] / scale;
    a.before[d] = attributes.before[order[d]] / scale;
    a.x_stride[d] = d == 0 ? x.strides[order[d]] : x.strides[order[d]] / per_unit;
  }
  a.count = element_count(y) / per_unit;
  unsigned char bytes[16];
  fill_bytes(y.dtype, attributes.value, bytes);
  std::memcpy(&a.fill, bytes, sizeof(Unit));
  const auto blocks = static_cast<unsigned>(std::min<int64_t>((a.count + kThreads - 1) / kThreads, 1 << 20));
  return launch(pad_kernel<Unit>, LaunchShape(blocks, kThreads), context.stream, a);
}

// Elements per unit: the innermost dimension is not padded and everything is a multiple of it.
int64_t elements_per_unit(const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_pad_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  int32_t order[FUSOR_MAX_RANK];
  if (order_of(y, order) == 0) return 1;
  const int32_t inner = order[0];
  if (a.before[inner] != 0 || a.after[inner] != 0 || x.strides[inner] != 1 || y.strides[inner] != 1) return 1;
  const int64_t size = element_size(x.dtype);
  for (int64_t width = 16 / size; width > 1; width /= 2) {
    bool fits = x.sizes[inner] % width == 0;
    for (int32_t d = 0; d < x.rank; ++d) fits = fits && (d == inner || x.strides[d] % width == 0);
    for (const void* p : {data_pointer(x), data_pointer(y)})
      fits = fits && reinterpret_cast<uintptr_t>(p) % static_cast<uintptr_t>(width * size) == 0;
    if (fits) return width;
  }
  return 1;
}

Status prepare(const fusor_op_call& call) {
  if (is_channels_last(*call.inputs[0]) && !is_row_major(*call.inputs[0]))
    set_channels_last(*call.outputs[0]);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  if (element_count(*call.outputs[0]) == 0) return {};
  const int64_t per_unit = elements_per_unit(call);
  switch (per_unit * element_size(call.outputs[0]->dtype)) {
    case 1:
      return run_units<uint8_t>(context, call, per_unit);
    case 2:
      return run_units<uint16_t>(context, call, per_unit);
    case 4:
      return run_units<uint32_t>(context, call, per_unit);
    case 8:
      return run_units<uint64_t>(context, call, per_unit);
    default:
      return run_units<Wide>(context, call, per_unit);
  }
}

}  // namespace

const OpEntry kPad{FUSOR_OP_PAD, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
