// The one loop behind every op that computes an element from the elements at its place: any strides, any
// broadcasting, any number of inputs.
//
// Dimensions are brought into the output's order in memory and joined (Dimensions). If the innermost one then
// is contiguous in the output and contiguous or constant in every input, threads move 16 bytes at a time;
// else an element at a time, neighbours in the output still by neighbouring threads. Napkin: an op moves its
// operands once, at 16 bytes a load and two loads in flight per thread and input: 64 warps a multiprocessor
// then keep 64 KB in flight, where 4 TB/s times 600 ns needs 18 KB. The limit is the bandwidth of a copy; a
// 16-bit element leaves 26 instructions of time for each at that speed, more than all but powers and
// remainders take.
//
// An op is a struct that the kernel gets by value:
//   static constexpr int kInputs;
//   template <int V> struct Loaded;                                        // what it reads, in registers
//   template <int V> void read(Loaded<V>&, const int64_t (&offset)[kInputs + 1], unsigned repeats, int
//   count); template <int V> void write(const Loaded<V>&, int64_t target, int count);
// offset[0] is the output's, offset[k + 1] input k's, in elements; bit k of `repeats` says that input k is
// constant along the innermost dimension; `count` of the V elements exist.
#pragma once

#include <algorithm>
#include <cstdint>

#include "arch/launch.h"
#include "backend/buffer.h"
#include "elementwise/values.h"
#include "geometry/dimensions.h"

namespace fusor::cuda {

template <int kInputs>
struct ElementwiseShape {
  Walk<kInputs + 1> walk;
  int64_t items = 0;     // of V elements
  int32_t last = 0;      // elements in the last item
  uint32_t repeats = 0;  // bit k: input k is constant along the innermost dimension
};

inline constexpr int kElementwiseThreads = 256, kElementwiseItems = 2; /* of a thread at a time */

template <int V, class Op>
__global__ void __launch_bounds__(kElementwiseThreads)
    elementwise_kernel(Op op, ElementwiseShape<Op::kInputs> shape) {
  begin_after_earlier_launches();
  constexpr int kAtOnce = kElementwiseItems;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kAtOnce * kElementwiseThreads;
  for (int64_t first = static_cast<int64_t>(blockIdx.x) * kAtOnce * kElementwiseThreads + threadIdx.x;
       first < shape.items; first += step) {
    typename Op::template Loaded<V> loaded[kAtOnce];
    int64_t target[kAtOnce];
    int count[kAtOnce];
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const int64_t item = first + u * kElementwiseThreads;
      count[u] = item < shape.items - 1 ? V : item < shape.items ? shape.last : 0;
      if (count[u] == 0) continue;
      int64_t offset[Op::kInputs + 1];
      shape.walk.offsets(item, offset);
      target[u] = offset[0];
      op.template read<V>(loaded[u], offset, shape.repeats, count[u]);
    }
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u)
      if (count[u] > 0) op.template write<V>(loaded[u], target[u], count[u]);
  }
}

/** What ops of one input begin with: reading it. */
template <class T>
struct OneInput {
  static constexpr int kInputs = 1;
  template <int V>
  struct Loaded {
    T x[V];
  };
  const T* x;

  template <int V>
  FUSOR_DEVICE void read(Loaded<V>& l, const int64_t (&offset)[2], unsigned repeats, int count) const {
    load_values<V>(l.x, x + offset[1], repeats & 1, count);
  }
};

/** The dimensions of an op's operands, its memory and how wide it can be read. */
template <int kInputs>
class Elementwise {
 public:
  /** Inputs broadcast to the output's sizes; absent ones are null and are never read. */
  Elementwise(const fusor_buffer& output, const fusor_buffer* const (&inputs)[kInputs]) {
    operands_[0] = {data_pointer(output), element_size(output.dtype)};
    for (int k = 0; k < kInputs; ++k)
      if (inputs[k]) operands_[k + 1] = {data_pointer(*inputs[k]), element_size(inputs[k]->dtype)};
    for (int32_t d = 0; d < output.rank; ++d) {
      int64_t strides[kInputs + 1] = {output.strides[d]};
      for (int k = 0; k < kInputs; ++k) {
        if (!inputs[k]) continue;
        const int32_t own = d - (output.rank - inputs[k]->rank);
        const bool is_repeated = own < 0 || inputs[k]->sizes[own] == 1;
        strides[k + 1] = is_repeated ? 0 : inputs[k]->strides[own];
      }
      dimensions_.add(output.sizes[d], strides);
    }
    dimensions_.order(0);
  }

  /** Of dimensions given one by one (operand 0 is the output), unordered, and each operand's memory. */
  struct Operand {
    const void* data = nullptr;
    int64_t element_size = 1;
  };
  Elementwise(Dimensions<kInputs + 1> dimensions, const Operand (&operands)[kInputs + 1])
      : dimensions_(dimensions) {
    std::copy(operands, operands + kInputs + 1, operands_);
    dimensions_.order(0);
  }

  /** Elements per access: as many as are 16 bytes of the largest element type, or 1. */
  int width() const {
    int64_t largest = 1;
    for (const Operand& operand : operands_)
      if (operand.data != nullptr) largest = std::max(largest, operand.element_size);
    const auto width = static_cast<int>(16 / largest);
    if (dimensions_.rank == 0 || dimensions_.strides[0][0] != 1) return 1;
    // Of a single dimension the last item may be shorter.
    if (dimensions_.rank > 1 && dimensions_.sizes[0] % width != 0) return 1;
    for (int k = 0; k <= kInputs; ++k) {
      const Operand& operand = operands_[k];
      if (!operand.data) continue;
      const int64_t inner = dimensions_.strides[k][0];
      if (inner == 0) continue;
      if (inner != 1) return 1;
      const auto alignment = static_cast<uintptr_t>(std::min<int64_t>(16, width * operand.element_size));
      if (reinterpret_cast<uintptr_t>(operand.data) % alignment != 0) return 1;
      for (int d = 1; d < dimensions_.rank; ++d)
        if (dimensions_.strides[k][d] % width != 0) return 1;
    }
    return width;
  }

  /** Whether operand `k` (0 is the output) stays the same along the innermost dimension. */
  bool is_constant(int k) const { return dimensions_.rank == 0 || dimensions_.strides[k][0] == 0; }

  ElementwiseShape<kInputs> shape(int width) const {
    ElementwiseShape<kInputs> result;
    result.walk = dimensions_.walk(width);
    const int64_t count = dimensions_.count();
    result.items = (count + width - 1) / width;
    result.last = static_cast<int32_t>(count - (result.items - 1) * width);
    for (int k = 0; k < kInputs; ++k)
      if (is_constant(k + 1)) result.repeats |= 1u << k;
    return result;
  }

  /** Runs `op`, whose widest access is kWidth elements. */
  template <int kWidth, class Op>
  Status run(Stream& stream, const Op& op) const {
    static_assert(Op::kInputs == kInputs);
    if (dimensions_.count() == 0) return {};
    const int wide = width();
    const ElementwiseShape<kInputs> items = shape(wide == kWidth ? kWidth : 1);
    // A block for every 512 items: multiprocessors take the next when they are done, and drift apart less
    // than with blocks that stay. The loop is for what a grid has no numbers for.
    constexpr int64_t kMostBlocks = 0x7fffffff, kItems = int64_t{kElementwiseItems} * kElementwiseThreads;
    const auto blocks =
        static_cast<unsigned>(std::min<int64_t>((items.items + kItems - 1) / kItems, kMostBlocks));
    const LaunchShape grid(blocks, kElementwiseThreads);
    if constexpr (kWidth > 1)
      if (wide == kWidth) return launch_early(elementwise_kernel<kWidth, Op>, grid, stream, op, items);
    return launch_early(elementwise_kernel<1, Op>, grid, stream, op, items);
  }

 private:
  Dimensions<kInputs + 1> dimensions_;
  Operand operands_[kInputs + 1];
};

}  // namespace fusor::cuda
