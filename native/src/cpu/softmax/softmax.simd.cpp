// softmax(x) = exp(x - max) / sum(exp(x - max)); its logarithm is x - max - log(sum).
// https://pytorch.org/docs/stable/generated/torch.nn.Softmax.html
//
// Two passes per row, over rows that stay in L1: exponentials and their sum; and scaling of the row before,
// while the maximum of the row after the next is taken. So reading and writing memory go on together, and
// between a sum or a maximum over lanes and its first use lies another pass, which hides the time it takes.
// Wide rows, for whom that is little and L1 too small, are scaled at once, beside the maximum of the next.
// Subtracting the maximum keeps every exponential at or below 1; rows with NaN, +inf or nothing but -inf come
// out as NaN, as in PyTorch.
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

// Writes one row (kWrites) and takes the maximum of another (kTakes), lanes past its end left out.
template <bool kLog, bool kStream, bool kWrites, bool kTakes>
FUSOR_INLINE float pass(const Row& row, const float* taken, int64_t width) {
  const float* const from = row.from;
  float* const y = row.y;
  const Vec greatests = broadcast(row.greatest), factors = broadcast(row.factor);
  const Vec least = broadcast(-kInfinity);
  Vec greatest[kChains] = {least, least, least, least};
  for_each_vector(width, [&](int chain, int64_t i, int lanes) {
    if (kTakes) {
      Vec v = load_lanes(taken + i, lanes);
      if (lanes != kLanes) v = first_lanes(v, lanes, least);
      greatest[chain] = maximum(greatest[chain], v);
    }
    if (kWrites) write<kLog, kStream>(from, y, i, lanes, greatests, factors);
  });
  if (!kTakes) return 0.f;
  // A NaN that gets lost here comes back with its exponential.
  return greatest_of_lanes(maximum(maximum(greatest[0], greatest[1]), maximum(greatest[2], greatest[3])));
}

// The sum of the exponentials, which go to `to` unless the logarithm is wanted.
template <bool kLog>
FUSOR_INLINE float exponentials(const float* x, float greatest, float* to, int64_t width) {
  const Vec greatests = broadcast(greatest);
  Vec sums[kChains] = {};
  for_each_vector(width, [&](int chain, int64_t i, int lanes) {
    Vec e = exponential_below_one(load_lanes(x + i, lanes) - greatests);
    if (!kLog) store_lanes(to + i, e, lanes);
    if (lanes != kLanes) e = first_lanes(e, lanes, zero());
    sums[chain] += e;
  });
  return sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

constexpr int64_t kKept = 8192;  // elements, 32 KB: L1 or L2
// Up to this width the rows in use at once, three of the operand, two of exponentials and one of the result,
// lie in an L1 of 32 KB.
constexpr int64_t kOverlapped = 1024;

template <bool kLog, bool kStream>
void run(const SoftmaxRows& rows) {
  const SoftmaxRows r = rows;  // in registers: no result can alias it
  // Exponentials of rows that fit wait here; those of longer rows in the result.
  float kept[2][kLog ? 1 : kKept];
  const bool keeps = !kLog && r.width <= kKept;
  // How many rows later than it could be a row is written, and earlier than it must be a maximum is taken.
  const int64_t lag = r.width <= kOverlapped ? 1 : 0;
  float greatest[2];
  for (int64_t row = 0; row <= lag && row < r.rows; ++row)
    greatest[row] = pass<kLog, kStream, false, true>({}, r.x + row * r.width, r.width);
  Row ready[2];
  for (int64_t row = 0; row < r.rows + lag; ++row) {
    if (row < r.rows) {
      const float* x = r.x + row * r.width;
      float* const y = r.y + row * r.width;
      float* const to = keeps ? kept[row % 2] : y;
      const float sum = exponentials<kLog>(x, greatest[row % 2], to, r.width);
      ready[row % 2] = {kLog ? x : to, y, greatest[row % 2], kLog ? logarithm(broadcast(sum))[0] : 1.f / sum};
    }
    const int64_t written = row - lag, taken = row + 1 + lag;
    const float* const next = r.x + taken * r.width;
    if (written >= 0 && taken < r.rows)
      greatest[taken % 2] = pass<kLog, kStream, true, true>(ready[written % 2], next, r.width);
    else if (written >= 0)
      pass<kLog, kStream, true, false>(ready[written % 2], nullptr, r.width);
    else if (taken < r.rows)
      greatest[taken % 2] = pass<kLog, kStream, false, true>({}, next, r.width);
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
