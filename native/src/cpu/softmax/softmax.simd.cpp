// softmax(x) = exp(x - max) / sum(exp(x - max)); its logarithm is x - max - log(sum).
// https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html
//
// Three passes over a row that stays in L1: maximum, exponentials and their sum, scaling. Subtracting the
// maximum keeps every exponential at or below 1; rows with NaN, +inf or nothing but -inf come out as NaN, as
// in PyTorch.
#include "cpu/softmax/softmax.h"

#include "cpu/simd/lanes.h"
#include "cpu/simd/math.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

FUSOR_INLINE Vec load_lanes(const float* p, int lanes) {
  return lanes == kLanes ? load(p) : load_partial(p, lanes);
}
FUSOR_INLINE void store_lanes(float* p, Vec v, int lanes) {
  if (lanes == kLanes)
    store(p, v);
  else
    store_partial(p, v, lanes);
}
FUSOR_INLINE int lanes_at(int64_t i, int64_t width) {
  return width - i < kLanes ? static_cast<int>(width - i) : kLanes;
}

FUSOR_INLINE float row_maximum(const float* x, int64_t width) {
  float greatest = x[0];
  int64_t i = 0;
  if (width >= kLanes) {
    Vec so_far = load(x);
    for (i = kLanes; i + kLanes <= width; i += kLanes) so_far = maximum(so_far, load(x + i));
    float lanes[kLanes];
    store(lanes, so_far);
    greatest = lanes[0];
    for (int lane = 1; lane < kLanes; ++lane) greatest = lanes[lane] > greatest ? lanes[lane] : greatest;
  }
  for (; i < width; ++i) greatest = x[i] > greatest ? x[i] : greatest;
  return greatest;
}

void rows(const float* x, float* y, int64_t row_count, int64_t width, bool log) {
  for (int64_t row = 0; row < row_count; ++row, x += width, y += width) {
    const Vec greatest = broadcast(row_maximum(x, width));
    Vec sums[2] = {zero(), zero()};
    for (int64_t i = 0; i < width; i += kLanes) {
      const int lanes = lanes_at(i, width);
      const Vec e = exponential(load_lanes(x + i, lanes) - greatest);
      if (!log) store_lanes(y + i, e, lanes);
      if (lanes == kLanes) {
        sums[i / kLanes % 2] += e;
      } else {
        float valid[kLanes] = {};
        store_partial(valid, e, lanes);
        sums[0] += load(valid);
      }
    }
    const float sum = sum_of_lanes(sums[0] + sums[1]);
    const Vec factor = broadcast(1.f / sum);
    const Vec offset = logarithm(broadcast(sum));
    for (int64_t i = 0; i < width; i += kLanes) {
      const int lanes = lanes_at(i, width);
      store_lanes(y + i,
                  log ? load_lanes(x + i, lanes) - greatest - offset : load_lanes(y + i, lanes) * factor,
                  lanes);
    }
  }
}

void columns(const float* x, float* y, int count, int64_t size, int64_t stride, bool log) {
  Vec greatest = load_lanes(x, count);
  for (int64_t i = 1; i < size; ++i) greatest = maximum(greatest, load_lanes(x + i * stride, count));
  Vec sum = zero();
  for (int64_t i = 0; i < size; ++i) {
    const Vec e = exponential(load_lanes(x + i * stride, count) - greatest);
    if (!log) store_lanes(y + i * stride, e, count);
    sum += e;
  }
  const Vec offset = logarithm(sum);
  for (int64_t i = 0; i < size; ++i)
    store_lanes(
        y + i * stride,
        log ? load_lanes(x + i * stride, count) - greatest - offset : load_lanes(y + i * stride, count) / sum,
        count);
}

}  // namespace

extern const SoftmaxKernels softmax_kernels;
const SoftmaxKernels softmax_kernels{rows, columns, kLanes};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
