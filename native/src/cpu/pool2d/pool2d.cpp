#include "cpu/pool2d/pool2d.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu/layout/blocked.h"
#include "cpu/layout/convert.h"

namespace fusor::cpu {

// Window i starts at i * stride - padding and has `kernel` taps, `dilation` apart. As PyTorch counts padding
// in: a window is first cut at the end of the padded image, then (for its taps) at the image.
PoolWindow pool_window(const fusor_pool2d_attributes& a, int axis, int64_t output_index, int64_t input_size) {
  const int64_t before = a.padding[axis * 2], after = a.padding[axis * 2 + 1];
  const int64_t dilation = std::max(a.dilation[axis], 1);
  const int64_t first = output_index * a.stride[axis] - before;
  const int64_t last = first + (a.kernel[axis] - 1) * dilation;
  const int64_t skipped = first < 0 ? (-first + dilation - 1) / dilation : 0;
  const int64_t start = first + skipped * dilation;
  const int64_t inside = std::min(last, input_size - 1) - start;
  const int64_t count = inside < 0 ? 0 : inside / dilation + 1;
  const int64_t padded = std::min(last, input_size + after - 1) - first + 1;
  return {static_cast<int32_t>(start), static_cast<int32_t>(count),
          static_cast<int32_t>(a.count_include_pad ? padded : count)};
}

void fill_empty_maximum(float* vector, int lanes, int64_t live) {
  for (int lane = 0; lane < lanes; ++lane)
    vector[lane] = lane < live ? -std::numeric_limits<float>::infinity() : 0.f;
}

namespace {

using WindowOf = PoolWindow (*)(const fusor_op_call& call, int axis, int64_t output_index,
                                int64_t input_size);

PoolWindow fixed_window(const fusor_op_call& call, int axis, int64_t output_index, int64_t input_size) {
  return pool_window(*static_cast<const fusor_pool2d_attributes*>(call.attributes), axis, output_index,
                     input_size);
}

// Bin i covers floor(i * size / bins) to ceil((i + 1) * size / bins).
PoolWindow adaptive_window(const fusor_op_call& call, int axis, int64_t output_index, int64_t input_size) {
  const int64_t bins =
      static_cast<const fusor_adaptive_pool2d_attributes*>(call.attributes)->output_size[axis];
  const int64_t start = output_index * input_size / bins;
  const int64_t end = ((output_index + 1) * input_size + bins - 1) / bins;
  return {static_cast<int32_t>(start), static_cast<int32_t>(end - start), static_cast<int32_t>(end - start)};
}

bool is_adaptive(int32_t op) {
  return op == FUSOR_OP_ADAPTIVE_AVG_POOL2D || op == FUSOR_OP_ADAPTIVE_MAX_POOL2D;
}
bool is_mean(int32_t op) {
  return op == FUSOR_OP_AVG_POOL2D || op == FUSOR_OP_ADAPTIVE_AVG_POOL2D;
}

fusor_status prepare(const KernelSet& kernels, const fusor_op_call& call) {
  const fusor_buffer& input = *call.inputs[0];
  if (input.dtype != FUSOR_F32)
    return fail(FUSOR_ERROR_DTYPE, "pooling on the CPU takes f32; convert the input to f32 first");
  fusor_buffer& output = *call.outputs[0];
  // The results of an image stay blocked: convolutions come next. Its consumers' halo is not known here.
  describe_blocked(output, kernels.lanes,
                   input.layout == FUSOR_LAYOUT_BLOCKED ? blocked_shape(input).halo : Halo{});
  return FUSOR_OK;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const BlockedView output = blocked_view(*call.outputs[0]);
  const BlockedShape& out = output.shape;
  if (out.n * out.c * out.h * out.w == 0) return FUSOR_OK;

  fusor_buffer blocked_input = *call.inputs[0];
  if (blocked_input.layout != FUSOR_LAYOUT_BLOCKED) {
    describe_blocked(blocked_input, context.kernels.lanes, Halo{});
    blocked_input.data = context.scratch.allocate(blocked_input.byte_size);
    if (!blocked_input.data)
      return fail(FUSOR_ERROR_OUT_OF_MEMORY, "no memory for a blocked copy of %lld bytes",
                  static_cast<long long>(blocked_input.byte_size));
    if (fusor_status status =
            convert_layout(context.kernels, context.pool, context.threads, *call.inputs[0], blocked_input))
      return status;
  }
  const BlockedView input = blocked_view(blocked_input);
  const BlockedShape& in = input.shape;

  auto* windows = static_cast<PoolWindow*>(
      context.scratch.allocate((out.h + out.w) * static_cast<int64_t>(sizeof(PoolWindow))));
  if (!windows) return fail(FUSOR_ERROR_OUT_OF_MEMORY, "no memory for the windows of a pooling");
  const WindowOf window_of = is_adaptive(call.op) ? adaptive_window : fixed_window;
  PoolWindow *rows = windows, *columns = windows + out.h;
  for (int64_t y = 0; y < out.h; ++y) rows[y] = window_of(call, 0, y, in.h);
  for (int64_t x = 0; x < out.w; ++x) columns[x] = window_of(call, 1, x, in.w);

  int64_t row_dilation = 1, column_dilation = 1;
  if (!is_adaptive(call.op)) {
    const auto& a = *static_cast<const fusor_pool2d_attributes*>(call.attributes);
    row_dilation = std::max(a.dilation[0], 1);
    column_dilation = std::max(a.dilation[1], 1);
  }
  // The maximum of nothing; lanes past the last channel stay zero.
  constexpr int kMostLanes = 16;
  float empty[2][kMostLanes] = {};
  if (!is_mean(call.op)) {
    fill_empty_maximum(empty[0], out.lanes, out.lanes);
    fill_empty_maximum(empty[1], out.lanes, out.c - (out.blocks() - 1) * out.lanes);
  }

  zero_halo(output);
  const auto row_kernel =
      is_mean(call.op) ? context.kernels.pool2d->mean_row : context.kernels.pool2d->max_row;
  // Blocks inside rows, so that a thread has the rows that it wrote, or will read, in the convolutions
  // around.
  WorkShares shares(out.n * out.h * out.blocks(), context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t block = item % out.blocks(), y = item / out.blocks() % out.h,
                    image = item / out.blocks() / out.h;
      PoolRow row;
      row.source = input.at(image, block, rows[y].count ? rows[y].start : 0, 0);
      row.row_step = in.row_stride() * row_dilation;
      row.column_step = in.lanes * column_dilation;
      row.rows = rows[y];
      row.columns = columns;
      row.width = out.w;
      row.empty = empty[block == out.blocks() - 1];
      row.output = output.at(image, block, y, 0);
      row_kernel(row);
    }
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry max_pool2d_op{FUSOR_OP_MAX_POOL2D, true, true, prepare, run};
const OpEntry avg_pool2d_op{FUSOR_OP_AVG_POOL2D, true, true, prepare, run};
const OpEntry adaptive_avg_pool2d_op{FUSOR_OP_ADAPTIVE_AVG_POOL2D, true, true, prepare, run};
const OpEntry adaptive_max_pool2d_op{FUSOR_OP_ADAPTIVE_MAX_POOL2D, true, true, prepare, run};

}  // namespace fusor::cpu
