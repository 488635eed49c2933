// Layer-norm, with the add before it where there is one: each row is read once, kept in registers through
// both passes of the statistics (mean first, then the squares of the differences: E[x^2] - E[x]^2 would
// cancel), and written once.
//
// Napkin, bf16, add + layer-norm with both results: 8 bytes an element cross the memory, about 10 FLOP are
// done on it. Bound by memory: at 4.3 TB/s 4096 rows of 4096 take 4096 * 4096 * 8 / 4.3e12 = 31 us. To fill
// the bus, Little's law wants 4.3 TB/s * 600 ns = 2.6 MB in flight, 20 KB on each of 132 multiprocessors:
// with 16 bytes a load, and x and residual both under way, 640 threads that have issued one vector each, or
// 160 with four. So a row gets as few threads as keep up to four vectors in each: one warp up to 1024
// elements of 16 bits (no barrier then), more above.
#include "layer_norm/layer_norm.h"

#include <algorithm>

#include "arch/launch.h"
#include "arch/vector.h"
#include "arch/warp.h"
#include "elementwise/values.h"

namespace fusor::cuda {
namespace {

template <class T>
struct Rows {
  const T *x, *residual;
  Parameter<T> weight, bias;
  T *sum, *output;
  int64_t rows, width;
  float eps;
  bool is_rms;
};

/** s at `i` of a row, as it is stored: rounded to T. */
template <int Length, class T>
FUSOR_DEVICE Vector<T, Length> load_sum(const Rows<T>& a, int64_t offset) {
  Vector<T, Length> s = load_streaming<Length>(a.x + offset);
  if (a.residual != nullptr) {
    const Vector<T, Length> r = load_streaming<Length>(a.residual + offset);
#pragma unroll
    for (int e = 0; e < Length; ++e) s[e] = from_float<T>(to_float(s[e]) + to_float(r[e]));
  }
  return s;
}

struct Scaling {
  float mean_rest;  // what the mean lost when it was rounded
  float scale;      // 1 / sqrt(variance + eps)
};

template <int Length, class T>
FUSOR_DEVICE void store_normalised(const Rows<T>& a, int64_t offset, int column, const Vector<T, Length>& s,
                                   float mean, const Scaling& scaling) {
  Vector<T, Length> y;
  float weight[Length], bias[Length];
#pragma unroll
  for (int e = 0; e < Length; ++e) weight[e] = 1.f, bias[e] = 0.f;
  if (a.weight.data != nullptr) a.weight.template values<Length>(weight, column, false, Length);
  if (a.bias.data != nullptr) a.bias.template values<Length>(bias, column, false, Length);
#pragma unroll
  for (int e = 0; e < Length; ++e) {
    const float centered = (to_float(s[e]) - mean) - scaling.mean_rest;
    y[e] = from_float<T>(centered * scaling.scale * weight[e] + bias[e]);
  }
  store(a.output + offset, y);
}

/** The sums of both over the `Lanes` threads of a row. */
template <int Lanes>
FUSOR_DEVICE void row_sums(float& a, float& b) {
  a = warp_reduce(a, Sum());
  b = warp_reduce(b, Sum());
  if constexpr (Lanes > kWarpSize) {
    constexpr int kWarps = Lanes / kWarpSize;
    FUSOR_SHARED(float, partial, 2 * kWarps);
    if (lane_index() == 0) {
      partial[warp_index()] = a;
      partial[kWarps + warp_index()] = b;
    }
    __syncthreads();
    a = b = 0.f;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      a += partial[w];
      b += partial[kWarps + w];
    }
    __syncthreads();  // the next row writes the same arrays
  }
}

template <int Lanes>
FUSOR_DEVICE float row_sum(float value) {
  if constexpr (Lanes == kWarpSize) {
    return warp_reduce(value, Sum());
  } else {
    return block_reduce<Lanes / kWarpSize>(value, Sum());
  }
}

/** From the squares of the differences to the mean, and from their sum: what rounding the mean left over. Of
 * values that lie close together far from 0 it is as much as their differences. */
template <int Lanes, class T>
FUSOR_DEVICE Scaling row_scaling(const Rows<T>& a, float squares, float left_over, float count) {
  if (a.is_rms) left_over = 0.f;
  row_sums<Lanes>(squares, left_over);
  const float rest = left_over / count;
  return {rest, rsqrtf((squares - left_over * rest) / count + a.eps)};
}

/** Normalises a row that `Lanes` threads hold in `Count` vectors each, and stores it. */
template <class T, int Length, int Count, int Lanes>
FUSOR_DEVICE void normalise_row(const Rows<T>& a, int64_t base, int lane, Vector<T, Length> (&s)[Count]) {
  const int width = static_cast<int>(a.width);
  const auto holds = [&](int v) { return (v * Lanes + lane) * Length < width; };
  // As floats as well a thread's elements would take three times the registers.
  const auto forget = [&] {
    if constexpr (sizeof(T) == 2 && Count * Length >= 32) {
#pragma unroll
      for (int v = 0; v < Count; ++v) forget_conversions(s[v]);
    }
  };
  float total = 0.f;
  if (!a.is_rms) {
#pragma unroll
    for (int v = 0; v < Count; ++v) {
      if (!holds(v)) continue;
#pragma unroll
      for (int e = 0; e < Length; ++e) total += to_float(s[v][e]);
    }
    total = row_sum<Lanes>(total);
  }
  const float count = static_cast<float>(width), mean = total / count;
  forget();
  float squares = 0.f, left_over = 0.f;
#pragma unroll
  for (int v = 0; v < Count; ++v) {
    if (!holds(v)) continue;
#pragma unroll
    for (int e = 0; e < Length; ++e) {
      const float difference = to_float(s[v][e]) - mean;
      left_over += difference;
      squares += difference * difference;
    }
  }
  const Scaling scaling = row_scaling<Lanes>(a, squares, left_over, count);
  forget();
#pragma unroll
  for (int v = 0; v < Count; ++v) {
    const int column = (v * Lanes + lane) * Length;
    if (holds(v)) store_normalised<Length>(a, base + column, column, s[v], mean, scaling);
  }
}

/** With a residual: a block for each row, or for four rows of a warp each. */
template <class T, int Length, int Count, int Lanes, int RowsInBlock>
__global__ void __launch_bounds__(Lanes* RowsInBlock, 1024 / (Lanes * RowsInBlock))
    add_layer_norm_in_registers(const Rows<T> a) {
  begin_after_earlier_launches();
  static_assert(Lanes == kWarpSize || RowsInBlock == 1, "a row of several warps needs the block's barriers");
  const int64_t row = int64_t{blockIdx.x} * RowsInBlock + threadIdx.x / Lanes;
  if (row >= a.rows) return;  // whole warps, and no barrier follows
  const int lane = threadIdx.x % Lanes;
  const int64_t base = row * a.width;
  Vector<T, Length> s[Count];
#pragma unroll
  for (int v = 0; v < Count; ++v) {
    const int column = (v * Lanes + lane) * Length;
    if (column < a.width) s[v] = load_sum<Length>(a, base + column);
  }
  if (a.sum != nullptr) {
#pragma unroll
    for (int v = 0; v < Count; ++v) {
      const int column = (v * Lanes + lane) * Length;
      if (column < a.width) store(a.sum + base + column, s[v]);
    }
  }
  normalise_row<T, Length, Count, Lanes>(a, base, lane, s);
}

/** Blocks of a multiprocessor: of 64 registers a thread, or of 80 where four vectors and their successors
 * would not fit these. */
constexpr int blocks_ahead(int count, int threads) {
  return (count == 4 && threads <= 256 ? 768 : 1024) / threads;
}

/** Without one there is half as much to load and to store, and a row's own time, from its load to its end, is
 * not hidden by others any more: blocks stay, and load their next row before they compute on this one. */
template <class T, int Length, int Count, int Lanes, int RowsInBlock>
__global__ void __launch_bounds__(Lanes* RowsInBlock, blocks_ahead(Count, Lanes* RowsInBlock))
    layer_norm_ahead(const Rows<T> a) {
  begin_after_earlier_launches();
  static_assert(Lanes == kWarpSize || RowsInBlock == 1, "a row of several warps needs the block's barriers");
  const int lane = threadIdx.x % Lanes;
  const auto load_row = [&](int64_t row, Vector<T, Length>(&s)[Count]) {
#pragma unroll
    for (int v = 0; v < Count; ++v) {
      const int column = (v * Lanes + lane) * Length;
      if (column < a.width) s[v] = load_streaming<Length>(a.x + row * a.width + column);
    }
  };
  const int64_t step = int64_t{gridDim.x} * RowsInBlock;
  int64_t row = int64_t{blockIdx.x} * RowsInBlock + threadIdx.x / Lanes;
  Vector<T, Length> s[Count];
  if (row < a.rows) load_row(row, s);
  for (; row < a.rows; row += step) {
    Vector<T, Length> next[Count];
    if (row + step < a.rows) load_row(row + step, next);
    normalise_row<T, Length, Count, Lanes>(a, row * a.width, lane, s);
#pragma unroll
    for (int v = 0; v < Count; ++v) s[v] = next[v];
  }
}

/** Rows of any width: read three times, by one block, the second and third time from the L2: two blocks of
 * 1024 threads on each of 132 multiprocessors have 34 MB of rows of 64k elements. */
template <class T, int Length, int Lanes>
__global__ void __launch_bounds__(Lanes, 2) add_layer_norm_in_passes(const Rows<T> a) {
  begin_after_earlier_launches();
  const int64_t base = int64_t{blockIdx.x} * a.width;
  const int first = threadIdx.x * Length, step = Lanes * Length, width = static_cast<int>(a.width);
  float total = 0.f;
  for (int column = first; column < width; column += step) {
    const Vector<T, Length> s = load_sum<Length>(a, base + column);
#pragma unroll
    for (int e = 0; e < Length; ++e) total += to_float(s[e]);
  }
  const float count = static_cast<float>(width);
  const float mean = a.is_rms ? 0.f : row_sum<Lanes>(total) / count;
  float squares = 0.f, left_over = 0.f;
  for (int column = first; column < width; column += step) {
    const Vector<T, Length> s = load_sum<Length>(a, base + column);
#pragma unroll
    for (int e = 0; e < Length; ++e) {
      const float difference = to_float(s[e]) - mean;
      left_over += difference;
      squares += difference * difference;
    }
  }
  const Scaling scaling = row_scaling<Lanes>(a, squares, left_over, count);
  for (int column = first; column < width; column += step) {
    const Vector<T, Length> s = load_sum<Length>(a, base + column);
    if (a.sum != nullptr) store(a.sum + base + column, s);
    store_normalised<Length>(a, base + column, column, s, mean, scaling);
  }
}

template <class T, int Count, int Lanes>
Status in_registers(Stream& stream, const Rows<T>& a) {
  constexpr int kRowsInBlock = Lanes == kWarpSize ? 4 : 1, kThreads = Lanes * kRowsInBlock;
  const unsigned blocks = blocks_for(a.rows, kRowsInBlock);
  if (a.residual != nullptr || a.sum != nullptr) {
    return launch_early(add_layer_norm_in_registers<T, kVectorLength<T>, Count, Lanes, kRowsInBlock>,
                        LaunchShape(blocks, kThreads), stream, a);
  }
  const int resident = std::max(1, stream.properties->multiprocessors) * blocks_ahead(Count, kThreads);
  return launch_early(layer_norm_ahead<T, kVectorLength<T>, Count, Lanes, kRowsInBlock>,
                      LaunchShape(std::min(blocks, static_cast<unsigned>(resident)), kThreads), stream, a);
}

template <class T>
Status run(Stream& stream, const LayerNormArguments& arguments) {
  Rows<T> a;
  a.x = static_cast<const T*>(arguments.x);
  a.residual = static_cast<const T*>(arguments.residual);
  a.weight = {arguments.weight, arguments.weight_is_f32};
  a.bias = {arguments.bias, arguments.bias_is_f32};
  a.sum = static_cast<T*>(arguments.sum);
  a.output = static_cast<T*>(arguments.output);
  a.rows = arguments.rows;
  a.width = arguments.width;
  a.eps = arguments.eps;
  a.is_rms = arguments.is_rms;
  constexpr int kLength = kVectorLength<T>, kWide = 1024;
  const auto aligned = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  const bool vectors = a.width % kLength == 0 && aligned(a.x) && aligned(a.residual) &&
                       aligned(a.weight.data) && aligned(a.bias.data) && aligned(a.sum) && aligned(a.output);
  if (!vectors) {
    return launch_early(add_layer_norm_in_passes<T, 1, 256>, LaunchShape(blocks_for(a.rows, 1), 256), stream,
                        a);
  }
  const int64_t count = a.width / kLength;
  if (count <= 1 * 32) return in_registers<T, 1, 32>(stream, a);
  if (count <= 2 * 32) return in_registers<T, 2, 32>(stream, a);
  if (count <= 3 * 32) return in_registers<T, 3, 32>(stream, a);
  if (count <= 4 * 32) return in_registers<T, 4, 32>(stream, a);
  if (count <= 2 * 128) return in_registers<T, 2, 128>(stream, a);
  if (count <= 4 * 128) return in_registers<T, 4, 128>(stream, a);
  if (count <= 4 * 256) return in_registers<T, 4, 256>(stream, a);
  if (count <= 4 * 512) return in_registers<T, 4, 512>(stream, a);
  if (count <= 4 * kWide) return in_registers<T, 4, kWide>(stream, a);
  return launch_early(add_layer_norm_in_passes<T, kLength, kWide>, LaunchShape(blocks_for(a.rows, 1), kWide),
                      stream, a);
}

}  // namespace

Status add_layer_norm(Stream& stream, const LayerNormArguments& arguments) {
  if (arguments.width == 0) return {};
  switch (arguments.dtype) {
    case FUSOR_F32:
      return run<float>(stream, arguments);
    case FUSOR_F16:
      return run<f16>(stream, arguments);
    case FUSOR_BF16:
      return run<bf16>(stream, arguments);
    default:
      return {FUSOR_ERROR_DTYPE, "layer_norm: f32, f16 or bf16"};
  }
}

namespace {

// x is input 0; parameters begin at `first_parameter`.
LayerNormArguments arguments_of(const fusor_op_call& call, int32_t first_parameter) {
  const auto& attributes = *static_cast<const fusor_layer_norm_attributes*>(call.attributes);
  const fusor_buffer& x = *call.inputs[0];
  LayerNormArguments a;
  a.dtype = static_cast<fusor_dtype>(x.dtype);
  const int32_t kept = x.rank - attributes.normalized_rank;
  a.rows = element_count(x, 0, kept);
  a.width = element_count(x, kept, x.rank);
  a.x = data_pointer(x);
  a.eps = attributes.epsilon;
  const auto input = [&](int32_t i) { return i < call.input_count ? call.inputs[i] : nullptr; };
  if (const fusor_buffer* weight = input(first_parameter)) {
    a.weight = data_pointer(*weight);
    a.weight_is_f32 = weight->dtype == FUSOR_F32;
  }
  if (const fusor_buffer* bias = input(first_parameter + 1)) {
    a.bias = data_pointer(*bias);
    a.bias_is_f32 = bias->dtype == FUSOR_F32;
  }
  return a;
}

Status prepare(const fusor_op_call& call) {
  return require_float(call, 0);
}

Status run_layer_norm(OpContext& context, const fusor_op_call& call) {
  LayerNormArguments a = arguments_of(call, 1);
  a.output = data_pointer(*call.outputs[0]);
  return add_layer_norm(context.stream, a);
}

Status run_add_layer_norm(OpContext& context, const fusor_op_call& call) {
  LayerNormArguments a = arguments_of(call, 2);
  a.residual = data_pointer(*call.inputs[1]);
  a.sum = data_pointer(*call.outputs[0]);
  a.output = data_pointer(*call.outputs[1]);
  return add_layer_norm(context.stream, a);
}

Status run_rms_norm(OpContext& context, const fusor_op_call& call) {
  LayerNormArguments a = arguments_of(call, 1);
  a.output = data_pointer(*call.outputs[0]);
  a.is_rms = true;
  return add_layer_norm(context.stream, a);
}

}  // namespace

const OpEntry kLayerNorm{FUSOR_OP_LAYER_NORM, InputForm::kRowMajor, /*weights=*/0, prepare, run_layer_norm};
const OpEntry kAddLayerNorm{FUSOR_OP_ADD_LAYER_NORM, InputForm::kRowMajor, /*weights=*/0, prepare,
                            run_add_layer_norm};
const OpEntry kRmsNorm{FUSOR_OP_RMS_NORM, InputForm::kRowMajor, /*weights=*/0, prepare, run_rms_norm};

}  // namespace fusor::cuda
