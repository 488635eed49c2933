// softmax(x) = exp(x - max) / sum(exp(x - max)); its logarithm is x - max - log(sum).
// https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html
//
// Two passes over a row that stays in L1: exponentials and their sum; and scaling, while the maximum of the
// next row is taken, so that reading and writing memory go on together. Subtracting the maximum keeps every
// exponential at or below 1; rows with NaN, +inf or nothing but -inf come out as NaN, as in PyTorch.
#include "cpu/softmax/softmax.h"

#include "cpu/simd/lanes.h"
#include "cpu/simd/math.h"
#include "cpu/simd/stream.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr int kChains = 4;  // independent maxima and sums

FUSOR_INLINE Vec load_lanes(const float* p, int lanes) {
  return lanes == kLanes ? load(p) : load_partial(p, lanes);
}
FUSOR_INLINE void store_lanes(float* p, Vec v, int lanes) {
  if (lanes == kLanes)
    store(p, v);
  else
    store_partial(p, v, lanes);
}

// Calls body(chain, index, lanes) for each vector of a row; the order depends on the width alone.
template <class Body>
FUSOR_INLINE void for_each_vector(int64_t width, const Body& body) {
  int64_t i = 0;
  for (; i + kChains * kLanes <= width; i += kChains * kLanes)
    for (int chain = 0; chain < kChains; ++chain) body(chain, i + chain * kLanes, kLanes);
  for (; i + kLanes <= width; i += kLanes) body(0, i, kLanes);
  if (i < width) body(1, i, static_cast<int>(width - i));
}

// A row whose sum is known: what is to be written, and how it gets there.
struct Row {
  const float* from;  // exponentials; for the logarithm, elements
  float* y;
  float greatest, factor;  // of the logarithm, log(sum); else 1 / sum
};

template <bool kLog, bool kStream>
FUSOR_INLINE void write(const float* from, float* y, int64_t i, int lanes, Vec greatest, Vec factor) {
  const Vec v = load_lanes(from + i, lanes);
  const Vec result = kLog ? v - greatest - factor : v * factor;
  if (kStream)
    store_streaming(y + i, result);
  else
    store_lanes(y + i, result, lanes);
}

// Writes one row (null: none) and takes the maximum of another (null: none), lanes past its end left out.
template <bool kLog, bool kStream, bool kWrites, bool kTakes>
FUSOR_INLINE float pass(const Row& row, const float* next, int64_t width) {
  const float* const from = row.from;
  float* const y = row.y;
  const Vec greatests = broadcast(row.greatest), factors = broadcast(row.factor);
  const Vec least = broadcast(-kInfinity);
  Vec greatest[kChains] = {least, least, least, least};
  for_each_vector(width, [&](int chain, int64_t i, int lanes) {
    if (kTakes) {
      Vec v = load_lanes(next + i, lanes);
      if (lanes != kLanes) {
        float valid[kLanes];
        store(valid, least);
        store_partial(valid, v, lanes);
        v = load(valid);
      }
      greatest[chain] = maximum(greatest[chain], v);
    }
    if (kWrites) write<kLog, kStream>(from, y, i, lanes, greatests, factors);
  });
  if (!kTakes) return 0.f;
  float lanes[kLanes];
  store(lanes, maximum(maximum(greatest[0], greatest[1]), maximum(greatest[2], greatest[3])));
  float result = lanes[0];
  for (int lane = 1; lane < kLanes; ++lane) result = lanes[lane] > result ? lanes[lane] : result;
  return result;
}

// The sum of the exponentials, which go to `to` unless the logarithm is wanted.
template <bool kLog>
FUSOR_INLINE float exponentials(const float* x, float greatest, float* to, int64_t width) {
  const Vec greatests = broadcast(greatest);
  Vec sums[kChains] = {};
  for_each_vector(width, [&](int chain, int64_t i, int lanes) {
    Vec e = exponential(load_lanes(x + i, lanes) - greatests);
    if (!kLog) store_lanes(to + i, e, lanes);
    if (lanes != kLanes) {
      float valid[kLanes] = {};
      store_partial(valid, e, lanes);
      e = load(valid);
    }
    sums[chain] += e;
  });
  return sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

constexpr int64_t kKept = 8192;  // elements, 32 KB: L1 or L2

template <bool kLog, bool kStream>
void run(const SoftmaxRows& r) {
  // Exponentials of a row that fits wait here; those of longer rows in the result.
  float kept[kLog ? 1 : kKept];
  const bool keeps = !kLog && r.width <= kKept;
  float greatest = pass<kLog, kStream, false, true>({}, r.x, r.width);
  for (int64_t row = 0; row < r.rows; ++row) {
    const float* x = r.x + row * r.width;
    float* y = r.y + row * r.width;
    float* const exponential_row = keeps ? kept : y;
    const float sum = exponentials<kLog>(x, greatest, exponential_row, r.width);
    const Row done{kLog ? x : exponential_row, y, greatest, kLog ? logarithm(broadcast(sum))[0] : 1.f / sum};
    if (row + 1 < r.rows)
      greatest = pass<kLog, kStream, true, true>(done, x + r.width, r.width);
    else
      pass<kLog, kStream, true, false>(done, nullptr, r.width);
  }
}

void rows(const SoftmaxRows& r) {
  const bool streams = r.streams && can_stream(r.y, r.width) && (r.log || r.width <= kKept);
  if (r.log)
    streams ? run<true, true>(r) : run<true, false>(r);
  else
    streams ? run<false, true>(r) : run<false, false>(r);
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
