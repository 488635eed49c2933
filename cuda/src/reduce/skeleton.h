// The one pair of kernels behind every reduction: over any dimensions of any strides, of any fold (folds.h).
//
//   rows      the reduction runs along memory: a team of 1 to 256 threads per result, side by side along it
//   columns   the results run along memory: 32 threads side by side over results, 8 of them over the
//             reduction, joined through shared memory at the end
//
// Where there are few results, the reduction is split over blocks: each writes its state to workspace, and a
// second kernel joins those of a result in order. How it is split depends on the shape alone, so a result has
// the same bits on every device and in every run; and with OpOptions::deterministic not on the number of
// results, which the batch is part of.
//
// Napkin: every element is read once and little is written; the limit is the bandwidth of reading. Four
// accesses of 16 bytes in flight per thread and 2048 threads a multiprocessor are 128 KB, several times what
// 4 TB/s and 600 ns need.
#pragma once

#include <algorithm>

#include "arch/launch.h"
#include "backend/op_table.h"
#include "geometry/dimensions.h"
#include "reduce/team.h"

namespace fusor::cuda {

inline constexpr int kReduceThreads = 256;
inline constexpr int kColumnLanes = 32;
inline constexpr int kColumnRows = kReduceThreads / kColumnLanes;
inline constexpr int kReduceAtOnce = 4;  // loads in flight per thread

struct ReduceShape {
  Walk<2> kept;     // by result: operand 0 the output, 1 the input; steps of V results in columns
  Walk<1> reduced;  // by unit: V elements in rows, one in columns
  int64_t outputs = 0, folded = 0;
  int64_t units = 0, units_per_split = 0;
  int32_t last = 0;  // elements in the last unit
  int32_t lanes = 1;
  int64_t columns = 0;       // of V results
  int64_t output_stride = 0; /* of the innermost kept dimension */
};

template <class Fold, int V>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_rows(Fold fold, ReduceShape shape, typename Fold::State* partial) {
  begin_after_earlier_launches();
  using State = typename Fold::State;
  using Value = typename Fold::Source::Value;
  const int lanes = shape.lanes, teams = kReduceThreads / lanes;
  const int lane = static_cast<int>(threadIdx.x) % lanes, team = static_cast<int>(threadIdx.x) / lanes;
  const int64_t begin = blockIdx.y * shape.units_per_split;
  const int64_t end = min(shape.units, begin + shape.units_per_split);
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * teams; first < shape.outputs;
       first += static_cast<int64_t>(gridDim.x) * teams) {
    const int64_t output = first + team;
    const bool is_live = output < shape.outputs;
    State state;
    fold.start(state);
    int64_t place[2] = {};
    if (is_live) {
      shape.kept.offsets(output, place);
      // Whole units four at a time, then the rest one by one.
      const int64_t whole = shape.last == V ? end : min(end, shape.units - 1);
      int64_t unit = begin + lane;
      for (; unit + (kReduceAtOnce - 1) * lanes < whole; unit += kReduceAtOnce * lanes) {
        Value x[kReduceAtOnce][V];
#pragma unroll
        for (int u = 0; u < kReduceAtOnce; ++u) {
          int64_t offset[1];
          shape.reduced.offsets(unit + u * lanes, offset);
          fold.source.template load_at<V>(x[u], place[1] + offset[0], V);
        }
#pragma unroll
        for (int u = 0; u < kReduceAtOnce; ++u) fold.template add<V>(state, x[u], (unit + u * lanes) * V);
      }
      for (; unit < end; unit += lanes) {
        int64_t offset[1];
        shape.reduced.offsets(unit, offset);
        const int count = unit == shape.units - 1 ? shape.last : V;
        Value x[V];
        fold.source.template load_at<V>(x, place[1] + offset[0], count);
        if (count == V) {
          fold.template add<V>(state, x, unit * V);
        } else {
#pragma unroll
          for (int i = 0; i < V; ++i) {
            const Value one[1] = {x[i]};
            if (i < count) fold.template add<1>(state, one, unit * V + i);
          }
        }
      }
    }
    state = join_team(state, lanes, [&](State& into, const State& from) { fold.join(into, from); });
    if (!is_live || lane != 0) continue;
    if (partial != nullptr)
      partial[blockIdx.y * shape.outputs + output] = state;
    else
      fold.finish(state, place[0], shape.folded);
  }
}

template <class Fold, int V>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_columns(Fold fold, ReduceShape shape, typename Fold::State* partial) {
  begin_after_earlier_launches();
  using State = typename Fold::State;
  using Value = typename Fold::Source::Value;
  FUSOR_SHARED(State, states, kColumnRows * kColumnLanes * V);
  const int x = static_cast<int>(threadIdx.x) % kColumnLanes,
            y = static_cast<int>(threadIdx.x) / kColumnLanes;
  const int64_t begin = blockIdx.y * shape.units_per_split;
  const int64_t end = min(shape.units, begin + shape.units_per_split);
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * kColumnLanes; first < shape.columns;
       first += static_cast<int64_t>(gridDim.x) * kColumnLanes) {
    const int64_t column = first + x;
    State state[V];
#pragma unroll
    for (int i = 0; i < V; ++i) fold.start(state[i]);
    int64_t place[2] = {};
    if (column < shape.columns) {
      shape.kept.offsets(column, place);
      int64_t row = begin + y;
      for (; row + (kReduceAtOnce - 1) * kColumnRows < end; row += kReduceAtOnce * kColumnRows) {
        Value values[kReduceAtOnce][V];
#pragma unroll
        for (int u = 0; u < kReduceAtOnce; ++u) {
          int64_t offset[1];
          shape.reduced.offsets(row + u * kColumnRows, offset);
          fold.source.template load_at<V>(values[u], place[1] + offset[0], V);
        }
        if constexpr (Fold::kNeedsIndex) {
#pragma unroll
          for (int u = 0; u < kReduceAtOnce; ++u) {
#pragma unroll
            for (int i = 0; i < V; ++i) {
              const Value one[1] = {values[u][i]};
              fold.template add<1>(state[i], one, row + u * kColumnRows);
            }
          }
        } else {
#pragma unroll
          for (int i = 0; i < V; ++i) {
            Value of_column[kReduceAtOnce];
#pragma unroll
            for (int u = 0; u < kReduceAtOnce; ++u) of_column[u] = values[u][i];
            fold.template add<kReduceAtOnce>(state[i], of_column, 0);
          }
        }
      }
      for (; row < end; row += kColumnRows) {
        int64_t offset[1];
        shape.reduced.offsets(row, offset);
        Value values[V];
        fold.source.template load_at<V>(values, place[1] + offset[0], V);
#pragma unroll
        for (int i = 0; i < V; ++i) {
          const Value one[1] = {values[i]};
          fold.template add<1>(state[i], one, row);
        }
      }
    }
#pragma unroll
    for (int i = 0; i < V; ++i) states[(y * kColumnLanes + x) * V + i] = state[i];
    __syncthreads();
    for (int c = static_cast<int>(threadIdx.x); c < kColumnLanes * V; c += kReduceThreads) {
      const int64_t of_column = first + c / V;
      if (of_column >= shape.columns) continue;
      State joined = states[c];
      for (int r = 1; r < kColumnRows; ++r) fold.join(joined, states[r * kColumnLanes * V + c]);
      if (partial != nullptr) {
        partial[blockIdx.y * shape.outputs + of_column * V + c % V] = joined;
      } else {
        int64_t target[2];
        shape.kept.offsets(of_column, target);
        fold.finish(joined, target[0] + c % V * shape.output_stride, shape.folded);
      }
    }
    __syncthreads();  // the next columns write the same array
  }
}

/** A warp per result: lane l takes splits l, l + 32, ... in order. `kept` walks single results here. */
template <class Fold>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_splits(Fold fold, ReduceShape shape, const typename Fold::State* partial, int splits) {
  begin_after_earlier_launches();
  using State = typename Fold::State;
  constexpr int kTeams = kReduceThreads / kWarpSize;
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * kTeams; first < shape.outputs;
       first += static_cast<int64_t>(gridDim.x) * kTeams) {
    const int64_t output = first + warp_index();
    State state;
    fold.start(state);
    if (output < shape.outputs) {
      for (int split = lane_index(); split < splits; split += kWarpSize)
        fold.join(state, partial[split * shape.outputs + output]);
    }
    state = join_team(state, kWarpSize, [&](State& into, const State& from) { fold.join(into, from); });
    if (output >= shape.outputs || lane_index() != 0) continue;
    int64_t place[2];
    shape.kept.offsets(output, place);
    fold.finish(state, place[0], shape.folded);
  }
}

/** Which dimensions of the input are kept and which are reduced. */
class Reduction {
 public:
  /** The dimensions of `dims` reduced; the results row-major in `output`'s order. */
  Reduction(const fusor_buffer& input, const int32_t* dims, int32_t dim_count) {
    int64_t strides[FUSOR_MAX_RANK];
    int64_t stride = 1;
    for (int32_t d = input.rank - 1; d >= 0; --d) {
      const bool is_reduced = std::find(dims, dims + dim_count, d) != dims + dim_count;
      strides[d] = is_reduced ? 0 : stride;
      if (!is_reduced) stride *= input.sizes[d];
    }
    for (int32_t d = 0; d < input.rank; ++d) {
      if (std::find(dims, dims + dim_count, d) != dims + dim_count)
        reduce(input.sizes[d], input.strides[d]);
      else
        keep(input.sizes[d], strides[d], input.strides[d]);
    }
    order();
  }

  /** Dimension by dimension, outermost first; then order(). */
  Reduction() = default;
  void keep(int64_t size, int64_t output_stride, int64_t input_stride) {
    kept_.add(size, {output_stride, input_stride});
  }
  void reduce(int64_t size, int64_t input_stride) { reduced_.add(size, {input_stride}); }
  void order() {
    kept_.order(1);
    reduced_.order(0);
  }

  int64_t outputs() const { return kept_.count(); }
  int64_t folded() const { return reduced_.count(); }

  /** Elements per access of the input at `data`, of up to `width`. */
  int width(const void* data, int64_t element_size, int width, bool deterministic = false) const {
    const bool columns = is_columns(deterministic);
    if (reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(width * element_size) != 0) return 1;
    const int64_t* along = columns ? kept_.strides[1] : reduced_.strides[0];
    const int64_t* across = columns ? reduced_.strides[0] : kept_.strides[1];
    const int along_rank = columns ? kept_.rank : reduced_.rank;
    const int across_rank = columns ? reduced_.rank : kept_.rank;
    if (along_rank == 0 || along[0] != 1) return 1;
    // A single run of elements; where there are several results, their starts must be aligned as well.
    const bool may_end_early = !columns && along_rank == 1 && !deterministic;
    const int64_t inner = columns ? kept_.sizes[0] : reduced_.sizes[0];
    if (inner % width != 0 && !may_end_early) return 1;
    for (int d = 1; d < along_rank; ++d)
      if (along[d] % width != 0) return 1;
    for (int d = 0; d < across_rank; ++d)
      if (across[d] % width != 0) return 1;
    return width;
  }

  /** Whether threads lie side by side over results. */
  bool is_columns(bool deterministic = false) const {
    if (reduced_.rank == 0) return true;
    if (kept_.rank == 0) return false;
    // Fewer than 32 results cannot fill a row of threads.
    return kept_.strides[1][0] < reduced_.strides[0][0] && (deterministic || kept_.count() >= kColumnLanes);
  }

  template <int kWidth, class Fold>
  Status run(OpContext& context, const Fold& fold, const void* data, int64_t element_size) const {
    if (outputs() == 0) return {};
    if constexpr (kWidth > 1)
      if (width(data, element_size, kWidth, context.options.deterministic) == kWidth)
        return run_wide<kWidth>(context, fold);
    return run_wide<1>(context, fold);
  }

 private:
  template <int V, class Fold>
  Status run_wide(OpContext& context, const Fold& fold) const {
    const bool deterministic = context.options.deterministic, columns = is_columns(deterministic);
    ReduceShape shape;
    shape.outputs = outputs();
    shape.folded = folded();
    shape.kept = kept_.walk(columns ? V : 1);
    if (shape.folded > 0) shape.reduced = reduced_.walk(columns ? 1 : V);
    const int unit = columns ? 1 : V;
    shape.units = (shape.folded + unit - 1) / unit;
    shape.last = static_cast<int32_t>(shape.folded - (shape.units - 1) * unit);
    if (shape.folded == 0) shape.last = unit;
    shape.columns = shape.outputs / (columns ? V : 1);
    shape.output_stride = kept_.rank > 0 ? kept_.strides[0][0] : 0;

    // 512 blocks of 256 threads: four for each of 128 multiprocessors. A split leaves a thread at least four
    // rounds of loads.
    constexpr int64_t kEnoughBlocks = 512;
    int64_t blocks, most_splits;
    if (columns) {
      blocks = (shape.columns + kColumnLanes - 1) / kColumnLanes;
      most_splits = shape.units / (kColumnRows * kReduceAtOnce * 4);
    } else {
      shape.lanes = lanes(shape.units, deterministic ? 1 : shape.outputs);
      blocks = (shape.outputs * shape.lanes + kReduceThreads - 1) / kReduceThreads;
      most_splits = shape.lanes == kReduceThreads ? shape.units / (kReduceThreads * kReduceAtOnce * 4) : 1;
    }
    const int64_t wanted = deterministic ? kEnoughBlocks : kEnoughBlocks / std::max<int64_t>(blocks, 1);
    const int64_t splits = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(most_splits, 1));
    shape.units_per_split = (shape.units + splits - 1) / splits;
    using State = typename Fold::State;
    State* partial = nullptr;
    if (splits > 1) {
      void* memory = nullptr;
      FUSOR_RETURN_IF_ERROR(
          context.workspace(splits * shape.outputs * static_cast<int64_t>(sizeof(State)), &memory));
      partial = static_cast<State*>(memory);
    }
    constexpr int64_t kMostBlocks = 1 << 20;  // the rest by the kernels' loops
    const dim3 grid(static_cast<unsigned>(std::min(blocks, kMostBlocks)), static_cast<unsigned>(splits));
    FUSOR_RETURN_IF_ERROR(launch_early(columns ? reduce_columns<Fold, V> : reduce_rows<Fold, V>,
                                       LaunchShape(grid, kReduceThreads), context.stream, fold, shape,
                                       partial));
    if (splits == 1) return {};
    shape.kept = kept_.walk(1);
    const int64_t join_blocks = (shape.outputs * kWarpSize + kReduceThreads - 1) / kReduceThreads;
    return launch_early(
        reduce_splits<Fold>,
        LaunchShape(static_cast<unsigned>(std::min(join_blocks, kMostBlocks)), kReduceThreads),
        context.stream, fold, shape, partial, static_cast<int>(splits));
  }

  // Threads per result: enough to lie side by side along a row, and a block where rows are long or few.
  static int lanes(int64_t units, int64_t outputs) {
    if (units >= 2048 || (units >= 256 && outputs < 4096)) return kReduceThreads;
    int lanes = 1;
    while (lanes < kWarpSize && lanes * 2 <= units) lanes *= 2;
    return lanes;
  }

  Dimensions<2> kept_;
  Dimensions<1> reduced_;
};

}  // namespace fusor::cuda
