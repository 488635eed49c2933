// Subtracting the greatest keeps every exponential at or below 1; rows with NaN, +inf or nothing but -inf
// come out as NaN, as in PyTorch.
//
//   registers   the dimension runs along memory: a team of threads holds a row, read once and written once;
//               up to 32 elements in each of 1024 threads, which have 64 registers: 32k elements
//   passes      longer rows and odd widths: read twice, greatest and sum in the first pass (the sum is scaled
//               when a greater one comes, Milakov and Gimelshein 2018), the second read mostly from the L2
//   columns     another dimension runs along memory: a thread per row, neighbours side by side, two passes
//
// One read and one write; the limit is the bandwidth of a copy. An exponential is some 10 instructions of the
// 26 that a 16-bit element leaves.
#include "softmax/softmax.h"

#include "arch/launch.h"
#include "elementwise/values.h"
#include "geometry/dimensions.h"
#include "geometry/dispatch.h"
#include "geometry/layout.h"
#include "reduce/team.h"

namespace fusor::cuda {
namespace {

template <class T>
struct Rows {
  const T* x;
  T* y;
  Walk<2> kept;  // operand 0: y, 1: x
  int64_t rows, width;
  int64_t y_step, x_step;  // along the dimension: 1 but for columns
  bool log;
};

FUSOR_DEVICE void join_maximum(float& into, const float& from) {
  into = Maximum()(into, from);
}
FUSOR_DEVICE void join_sum(float& into, const float& from) {
  into += from;
}

template <class T, int V, int kCount>
__global__ void __launch_bounds__(1024) softmax_in_registers(Rows<T> a, int lanes) {
  begin_after_earlier_launches();
  const int teams = static_cast<int>(blockDim.x) / lanes;
  const int lane = static_cast<int>(threadIdx.x) % lanes, team = static_cast<int>(threadIdx.x) / lanes;
  const int width = static_cast<int>(a.width);
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * teams; first < a.rows;
       first += static_cast<int64_t>(gridDim.x) * teams) {
    const bool is_live = first + team < a.rows;
    int64_t place[2] = {};
    if (is_live) a.kept.offsets(first + team, place);
    float x[kCount][V];
    float greatest = -INFINITY;
#pragma unroll
    for (int v = 0; v < kCount; ++v) {
      const int column = (v * lanes + lane) * V;
#pragma unroll
      for (int i = 0; i < V; ++i) x[v][i] = -INFINITY;
      if (!is_live || column >= width) continue;
      T raw[V];
      load_values<V>(raw, a.x + place[1] + column, false, V);
#pragma unroll
      for (int i = 0; i < V; ++i) x[v][i] = to_float(raw[i]);
    }
#pragma unroll
    for (int v = 0; v < kCount; ++v) {
#pragma unroll
      for (int i = 0; i < V; ++i) greatest = Maximum()(greatest, x[v][i]);
    }
    greatest = join_team(greatest, lanes, join_maximum);
    float sum = 0.f;
#pragma unroll
    for (int v = 0; v < kCount; ++v) {
      // Places past the row hold -inf, whose exponential is no number where the greatest is -inf too.
      const bool is_inside = (v * lanes + lane) * V < width;
#pragma unroll
      for (int i = 0; i < V; ++i) {
        const float e = expf(x[v][i] - greatest);
        sum += is_inside ? e : 0.f;
        x[v][i] = a.log ? x[v][i] - greatest : e;
      }
    }
    sum = join_team(sum, lanes, join_sum);
    const float last = a.log ? logf(sum) : 1.f / sum;
#pragma unroll
    for (int v = 0; v < kCount; ++v) {
      const int column = (v * lanes + lane) * V;
      if (!is_live || column >= width) continue;
      T result[V];
#pragma unroll
      for (int i = 0; i < V; ++i) result[i] = from_float<T>(a.log ? x[v][i] - last : x[v][i] * last);
      store_values<V>(a.y + place[0] + column, result, V);
    }
  }
}

// The greatest so far and the sum of exponentials relative to it.
struct Running {
  float greatest, sum;
  FUSOR_DEVICE void add(float x) {
    if (x > greatest) {
      sum *= expf(greatest - x);
      greatest = x;
    }
    // -inf - -inf is no number, but makes the row one only if nothing greater comes: finished() sees to that.
    sum += x == greatest && x < INFINITY ? 1.f : expf(x - greatest);
  }
};
FUSOR_DEVICE void join_running(Running& into, const Running& from) {
  const float greatest = from.greatest > into.greatest ? from.greatest : into.greatest;
  const auto scaled = [&](const Running& r) {
    return r.sum == 0.f || r.greatest == greatest ? r.sum : r.sum * expf(r.greatest - greatest);
  };
  into.sum = scaled(into) + scaled(from);
  into.greatest = greatest;
}

template <class T>
FUSOR_DEVICE T finished(float x, const Running& r, bool log) {
  const float shifted = x - r.greatest;
  return from_float<T>(log ? shifted - logf(r.sum) : expf(shifted) / r.sum);
}

template <class T, int V>
__global__ void __launch_bounds__(512) softmax_in_passes(Rows<T> a) {
  begin_after_earlier_launches();
  const int64_t first = static_cast<int64_t>(threadIdx.x) * V, step = static_cast<int64_t>(blockDim.x) * V;
  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    int64_t place[2];
    a.kept.offsets(row, place);
    Running r{-INFINITY, 0.f};
    T x[V];
    for (int64_t i = first; i < a.width; i += step) {
      load_values<V>(x, a.x + place[1] + i, false, V);
#pragma unroll
      for (int e = 0; e < V; ++e) r.add(to_float(x[e]));
    }
    r = join_team(r, static_cast<int>(blockDim.x), join_running);
    for (int64_t i = first; i < a.width; i += step) {
      load_values<V>(x, a.x + place[1] + i, false, V);
#pragma unroll
      for (int e = 0; e < V; ++e) x[e] = finished<T>(to_float(x[e]), r, a.log);
      store_values<V>(a.y + place[0] + i, x, V);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(256) softmax_columns(Rows<T> a) {
  begin_after_earlier_launches();
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; row < a.rows; row += step) {
    int64_t place[2];
    a.kept.offsets(row, place);
    const T* const x = a.x + place[1];
    T* const y = a.y + place[0];
    Running r{-INFINITY, 0.f};
#pragma unroll 4
    for (int64_t i = 0; i < a.width; ++i) r.add(to_float(load<1>(x + i * a.x_step).values[0]));
#pragma unroll 4
    for (int64_t i = 0; i < a.width; ++i) {
      const float value = to_float(load<1>(x + i * a.x_step).values[0]);
      store(y + i * a.y_step, Vector<T, 1>{{finished<T>(value, r, a.log)}});
    }
  }
}

template <class T, int V, int kCount>
Status in_registers(Stream& stream, const Rows<T>& a, int lanes) {
  const int threads = std::max(lanes, 128);
  const int64_t blocks = std::min<int64_t>((a.rows * lanes + threads - 1) / threads,
                                           int64_t{16} * stream.properties->multiprocessors);
  return launch_early(softmax_in_registers<T, V, kCount>, LaunchShape(static_cast<unsigned>(blocks), threads),
                      stream, a, lanes);
}

template <class T>
Status run_rows(Stream& stream, const Rows<T>& a, const Dimensions<2>& kept) {
  constexpr int kWidth = kVectorLength<T>;
  bool vectors = a.width % kWidth == 0;
  for (const void* p : {static_cast<const void*>(a.x), static_cast<const void*>(a.y)})
    vectors = vectors && reinterpret_cast<uintptr_t>(p) % 16 == 0;
  for (int d = 0; d < kept.rank; ++d)
    vectors = vectors && kept.strides[0][d] % kWidth == 0 && kept.strides[1][d] % kWidth == 0;

  // A team as small as holds the row in 4 vectors a thread, 8 where that would take more than 1024.
  const auto lanes_for = [&](int64_t count, int per_thread) {
    int lanes = 1;
    while (int64_t{lanes} * per_thread < count) lanes *= 2;
    return lanes;
  };
  if (vectors) {
    const int64_t count = a.width / kWidth;
    if (count <= 32) return in_registers<T, kWidth, 1>(stream, a, lanes_for(count, 1));
    if (count <= 4096) return in_registers<T, kWidth, 4>(stream, a, std::max(32, lanes_for(count, 4)));
    if constexpr (sizeof(T) == 4)
      if (count <= 8192) return in_registers<T, kWidth, 8>(stream, a, 1024);
  } else if (a.width <= 8192) {
    return in_registers<T, 1, 8>(stream, a, lanes_for(a.width, 8));
  }
  const auto blocks =
      static_cast<unsigned>(std::min<int64_t>(a.rows, int64_t{4} * stream.properties->multiprocessors));
  return launch_early(vectors ? softmax_in_passes<T, kWidth> : softmax_in_passes<T, 1>,
                      LaunchShape(blocks, 512), stream, a);
}

Status prepare(const fusor_op_call& call) {
  FUSOR_RETURN_IF_ERROR(require_float(call, 0));
  take_layout(*call.outputs[0], *call.inputs[0]);
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const auto& attributes = *static_cast<const fusor_softmax_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &y = *call.outputs[0];
  if (element_count(x) == 0) return {};
  Dimensions<2> kept;
  for (int32_t d = 0; d < x.rank; ++d)
    if (d != attributes.dim) kept.add(x.sizes[d], {y.strides[d], x.strides[d]});
  kept.order(1);
  const int64_t width = x.rank == 0 ? 1 : x.sizes[attributes.dim];
  const int64_t x_step = width == 1 ? 1 : x.strides[attributes.dim];
  const int64_t y_step = width == 1 ? 1 : y.strides[attributes.dim];
  return by_float(x.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const Rows<T> a{data_of<const T>(x), data_of<T>(y), kept.walk(), kept.count(), width, y_step, x_step,
                    attributes.log != 0};
    if (x_step == 1 && y_step == 1) return run_rows(context.stream, a, kept);
    const auto blocks = static_cast<unsigned>(
        std::min<int64_t>((a.rows + 255) / 256, int64_t{16} * context.stream.properties->multiprocessors));
    return launch_early(softmax_columns<T>, LaunchShape(blocks, 256), context.stream, a);
  });
}

}  // namespace

const OpEntry kSoftmax{FUSOR_OP_SOFTMAX, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
