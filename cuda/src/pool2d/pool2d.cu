// A thread makes one output pixel: 16 bytes of neighbouring channels where images are channels-last, one
// element else, neighbours in the output by neighbouring threads. A 3x3 window at stride 2 reads every pixel
// 9/4 times, all but one from the caches; the limit is one read of the input and a quarter of a write. The
// mean of whole images is a reduction (reduce/skeleton.h): it has too few results for a thread each.
#include "pool2d/pool2d.h"

#include "arch/launch.h"
#include "elementwise/values.h"
#include "geometry/dispatch.h"
#include "geometry/divisor.h"
#include "pool2d/window.h"
#include "reduce/folds.h"
#include "reduce/skeleton.h"

namespace fusor::cuda {
namespace {

constexpr int kThreads = 256;

template <class T>
struct Pool {
  const T* x;
  T* y;
  PoolAxis rows, columns;
  int64_t x_stride[4], y_stride[4];  // n, c, h, w
  Divisor inner, middle, outer;      // channels-last: c, w, h; else w, h, c
  int64_t items;                     // outputs, of V channels
  bool channels_last, mean;
};

template <class T, int V>
__global__ void __launch_bounds__(kThreads) pool_kernel(Pool<T> a) {
  begin_after_earlier_launches();
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t item = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; item < a.items;
       item += step) {
    const int64_t q0 = a.inner.quotient(item), i0 = item - q0 * a.inner.size;
    const int64_t q1 = a.middle.quotient(q0), i1 = q0 - q1 * a.middle.size;
    const int64_t n = a.outer.quotient(q1), i2 = q1 - n * a.outer.size;
    const int64_t c = a.channels_last ? i0 * V : i2;
    const int64_t h = a.channels_last ? i2 : i1, w = a.channels_last ? i1 : i0;
    const PoolWindow rows = a.rows.window(h), columns = a.columns.window(w);

    float result[V];
#pragma unroll
    for (int i = 0; i < V; ++i) result[i] = a.mean ? 0.f : -INFINITY;
    const T* const image = a.x + n * a.x_stride[0] + c * a.x_stride[1];
    for (int64_t r = 0; r < rows.count; ++r) {
      const T* tap =
          image + (rows.start + r * a.rows.dilation) * a.x_stride[2] + columns.start * a.x_stride[3];
#pragma unroll 4
      for (int64_t s = 0; s < columns.count; ++s) {
        T raw[V];
        load_values<V>(raw, tap + s * a.columns.dilation * a.x_stride[3], false, V);
#pragma unroll
        for (int i = 0; i < V; ++i) {
          const float x = to_float(raw[i]);
          // A NaN once seen stays, as in PyTorch.
          result[i] = a.mean ? result[i] + x : x > result[i] || x != x ? x : result[i];
        }
      }
    }
    if (a.mean) {
      const float divisor = static_cast<float>(rows.divisor * columns.divisor);
      const bool is_empty = rows.count == 0 || columns.count == 0;
#pragma unroll
      for (int i = 0; i < V; ++i) result[i] = is_empty ? 0.f : result[i] / divisor;
    }
    T out[V];
#pragma unroll
    for (int i = 0; i < V; ++i) out[i] = from_float<T>(result[i]);
    store_values<V>(a.y + n * a.y_stride[0] + c * a.y_stride[1] + h * a.y_stride[2] + w * a.y_stride[3], out,
                    V);
  }
}

PoolAxis axis_of(const fusor_op_call& call, int axis) {
  PoolAxis result;
  result.size = call.inputs[0]->sizes[2 + axis];
  if (call.op == FUSOR_OP_ADAPTIVE_AVG_POOL2D || call.op == FUSOR_OP_ADAPTIVE_MAX_POOL2D) {
    result.bins = static_cast<const fusor_adaptive_pool2d_attributes*>(call.attributes)->output_size[axis];
    return result;
  }
  const auto& a = *static_cast<const fusor_pool2d_attributes*>(call.attributes);
  result.stride = a.stride[axis];
  result.before = a.padding[2 * axis];
  result.after = a.padding[2 * axis + 1];
  result.kernel = a.kernel[axis];
  result.dilation = std::max(a.dilation[axis], 1);
  result.counts_padding = a.count_include_pad != 0;
  return result;
}

template <class T>
Status pool(Stream& stream, const fusor_op_call& call) {
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  Pool<T> a;
  a.x = data_of<const T>(x);
  a.y = data_of<T>(y);
  a.rows = axis_of(call, 0);
  a.columns = axis_of(call, 1);
  std::copy_n(x.strides, 4, a.x_stride);
  std::copy_n(y.strides, 4, a.y_stride);
  a.mean = call.op == FUSOR_OP_AVG_POOL2D || call.op == FUSOR_OP_ADAPTIVE_AVG_POOL2D;
  a.channels_last = is_channels_last(y);
  constexpr int kWidth = kVectorLength<T>;
  bool wide = a.channels_last && y.sizes[1] % kWidth == 0 && x.strides[1] == 1;
  for (const int d : {0, 2, 3}) wide = wide && x.strides[d] % kWidth == 0;
  for (const void* p : {static_cast<const void*>(a.x), static_cast<const void*>(a.y)})
    wide = wide && reinterpret_cast<uintptr_t>(p) % 16 == 0;
  const int64_t channels = y.sizes[1] / (wide ? kWidth : 1);
  a.inner = Divisor(a.channels_last ? channels : y.sizes[3]);
  a.middle = Divisor(a.channels_last ? y.sizes[3] : y.sizes[2]);
  a.outer = Divisor(a.channels_last ? y.sizes[2] : channels);
  a.items = y.sizes[0] * channels * y.sizes[2] * y.sizes[3];
  const auto blocks = static_cast<unsigned>(std::min<int64_t>((a.items + kThreads - 1) / kThreads, 1 << 20));
  return launch_early(wide ? pool_kernel<T, kWidth> : pool_kernel<T, 1>, LaunchShape(blocks, kThreads),
                      stream, a);
}

Status prepare(const fusor_op_call& call) {
  FUSOR_RETURN_IF_ERROR(require_float(call, 0));
  // Channels first where they are so in the input and threads can lie side by side along a row.
  if (is_channels_last(*call.inputs[0])) set_channels_last(*call.outputs[0]);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  if (element_count(y) == 0) return {};
  return by_float(x.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    if (call.op == FUSOR_OP_ADAPTIVE_AVG_POOL2D && y.sizes[2] == 1 && y.sizes[3] == 1) {
      const int32_t dims[2] = {2, 3};
      const T* const data = data_of<const T>(x);
      const SumFold<FloatSource<T>> mean{{data}, data_pointer(y), x.dtype, true};
      return Reduction(x, dims, 2).run<kVectorLength<T>>(context, mean, data, sizeof(T));
    }
    return pool<T>(context.stream, call);
  });
}

}  // namespace

const OpEntry kMaxPool2d{FUSOR_OP_MAX_POOL2D, InputForm::kAnyStrides, /*weights=*/0, prepare, run};
const OpEntry kAvgPool2d{FUSOR_OP_AVG_POOL2D, InputForm::kAnyStrides, /*weights=*/0, prepare, run};
const OpEntry kAdaptiveAvgPool2d{FUSOR_OP_ADAPTIVE_AVG_POOL2D, InputForm::kAnyStrides, /*weights=*/0, prepare,
                                 run};
const OpEntry kAdaptiveMaxPool2d{FUSOR_OP_ADAPTIVE_MAX_POOL2D, InputForm::kAnyStrides, /*weights=*/0, prepare,
                                 run};

}  // namespace fusor::cuda
