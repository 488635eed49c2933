// Layer-norm: y = (x - mean) / sqrt(variance + eps) * weight + bias per row (Ba et al. 2016,
// https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html); RMS-norm: y = x / sqrt(mean(x^2) + eps)
// * weight.
//
// The limit is the bandwidth of a copy: one read and one write of memory per element. A row is read twice,
// for its statistics and for its result, the second time from L1 or L2. One loop writes a row and takes the
// statistics of another, so that both streams of memory are busy all the time. Large results are written
// around the caches.
//
// Mean and squared deviations come from one read: a block of vectors is held in registers for two passes over
// them, and the blocks are merged lane by lane (Chan et al. 1979). Never E[x^2] - E[x]^2. The order of the
// sums depends on the width alone.
#include "cpu/layer_norm/layer_norm.h"

#include "cpu/simd/lanes.h"
#include "cpu/simd/stream.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

// Vectors of a block: they and their two sums stay in registers.
constexpr int kBlock = kRegisters >= 32 ? 8 : 4;

enum class Norm { Layer, Rms };

// Of the elements of a row that were seen so far, in each lane: `vectors` of them, their mean (layer-norm)
// and the sum of their squared deviations from it, or of their squares (RMS-norm).
struct Moments {
  Vec mean = zero(), squares = zero();
  int64_t vectors = 0;
};

// What writing a row needs.
struct Scaling {
  float mean, scale;
};

template <Norm kNorm>
FUSOR_INLINE void merge(Moments& m, Vec mean, Vec squares, int vectors) {
  if (kNorm == Norm::Rms) {
    m.squares += squares;
    return;
  }
  const float before = static_cast<float>(m.vectors), added = static_cast<float>(vectors);
  const float share = added / (before + added);
  const Vec delta = mean - m.mean;
  m.mean = multiply_add(delta, broadcast(share), m.mean);
  m.squares = multiply_add(delta * delta, broadcast(before * share), m.squares + squares);
  m.vectors += vectors;
}

// Takes `kCount` whole vectors into the moments.
template <Norm kNorm, int kCount>
FUSOR_INLINE void take(Moments& m, const Vec (&v)[kCount]) {
  if (kNorm == Norm::Rms) {
    Vec squares[2] = {zero(), zero()};
    for (int i = 0; i < kCount; ++i) squares[i % 2] = multiply_add(v[i], v[i], squares[i % 2]);
    merge<kNorm>(m, zero(), squares[0] + squares[1], kCount);
    return;
  }
  Vec sums[2] = {zero(), zero()}, squares[2] = {zero(), zero()};
  for (int i = 0; i < kCount; ++i) sums[i % 2] += v[i];
  const Vec mean = (sums[0] + sums[1]) * broadcast(1.f / kCount);
  for (int i = 0; i < kCount; ++i) {
    const Vec d = v[i] - mean;
    squares[i % 2] = multiply_add(d, d, squares[i % 2]);
  }
  merge<kNorm>(m, mean, squares[0] + squares[1], kCount);
}

// The statistics of a whole row: lanes merged, then the last `count` elements that fill no vector.
template <Norm kNorm>
FUSOR_INLINE Scaling finish(const Moments& m, Vec rest, int count, const LayerNormRows& r) {
  const float width = static_cast<float>(r.width);
  if (kNorm == Norm::Rms) {
    const float squares = sum_of_lanes(multiply_add(rest, rest, m.squares));  // lanes past the row are zero
    return {0.f, 1.f / __builtin_sqrtf(squares / width + r.epsilon)};
  }
  float mean = 0.f, squares = 0.f;
  const float whole = static_cast<float>(m.vectors * kLanes), added = static_cast<float>(count);
  if (m.vectors > 0) {
    mean = sum_of_lanes(m.mean) * (1.f / kLanes);
    const Vec d = m.mean - broadcast(mean);
    squares = sum_of_lanes(multiply_add(d * d, broadcast(static_cast<float>(m.vectors)), m.squares));
  }
  if (count > 0) {
    const float rest_mean = sum_of_lanes(rest) / added;
    // Lanes past the row must not count as -mean.
    const Vec d = first_lanes(rest - broadcast(rest_mean), count, zero());
    const float delta = rest_mean - mean;
    mean += delta * (added / width);
    squares += sum_of_lanes(d * d) + delta * delta * (whole * added / width);
  }
  return {mean, 1.f / __builtin_sqrtf(squares / width + r.epsilon)};
}

template <bool kResidual>
FUSOR_INLINE Vec element(const LayerNormRows& r, int64_t i) {
  const Vec x = load(r.x + i);
  return kResidual ? x + load(r.residual + i) : x;
}
template <bool kResidual>
FUSOR_INLINE Vec element(const LayerNormRows& r, int64_t i, int lanes) {
  const Vec x = load_partial(r.x + i, lanes);
  return kResidual ? x + load_partial(r.residual + i, lanes) : x;
}

// Absent parameters are one block that serves all columns.
struct Parameters {
  const float *weight, *bias;
  int64_t weight_columns, bias_columns;  // a mask on columns: all bits or none
};

template <bool kStream>
FUSOR_INLINE void put(float* p, Vec v) {
  if (kStream)
    store_streaming(p, v);
  else
    store(p, v);
}

// Writes `kCount` vectors of a row from element `i`, column `c` on.
template <bool kResidual, bool kStream, int kCount>
FUSOR_INLINE void write(const LayerNormRows& r, const Parameters& p, Vec mean, Vec scale, int64_t i,
                        int64_t c) {
  const float *weight = p.weight + (c & p.weight_columns), *bias = p.bias + (c & p.bias_columns);
  for (int k = 0; k < kCount * kLanes; k += kLanes) {
    const Vec v = element<kResidual>(r, i + k);
    if (kResidual) put<kStream>(r.sum + i + k, v);
    put<kStream>(r.output + i + k, multiply_add((v - mean) * scale, load(weight + k), load(bias + k)));
  }
}

// Columns `c` to `end`: writes those of the row from element `written` on (kWrites) and takes those of the
// one from element `taken` on into its moments (kTakes), but for what fills no vector at the end of the row.
template <Norm kNorm, bool kResidual, bool kStream, bool kWrites, bool kTakes>
FUSOR_INLINE void pass(const LayerNormRows& r, const Parameters& p, int64_t c, int64_t end, int64_t written,
                       const Scaling& scaling, int64_t taken, Moments& moments_of_row) {
  const Vec mean = broadcast(scaling.mean), scale = broadcast(scaling.scale);
  Moments moments = moments_of_row;
  for (; c + kBlock * kLanes <= end; c += kBlock * kLanes) {
    if (kTakes) {
      Vec v[kBlock];
      for (int k = 0; k < kBlock; ++k) v[k] = element<kResidual>(r, taken + c + k * kLanes);
      take<kNorm>(moments, v);
    }
    if (kWrites) write<kResidual, kStream, kBlock>(r, p, mean, scale, written + c, c);
  }
  for (; c + kLanes <= end; c += kLanes) {
    if (kTakes) take<kNorm, 1>(moments, {element<kResidual>(r, taken + c)});
    if (kWrites) write<kResidual, kStream, 1>(r, p, mean, scale, written + c, c);
  }
  moments_of_row = moments;
  const int rest = static_cast<int>(end - c);
  if (!kWrites || rest == 0) return;
  const Vec v = element<kResidual>(r, written + c, rest);
  if (kResidual) store_partial(r.sum + written + c, v, rest);
  const Vec weight = p.weight_columns ? load_partial(p.weight + c, rest) : load(p.weight);
  const Vec bias = p.bias_columns ? load_partial(p.bias + c, rest) : load(p.bias);
  store_partial(r.output + written + c, multiply_add((v - mean) * scale, weight, bias), rest);
}

// Rows that go together through the columns. Up to 2048 columns the parameters and two rows have 32 KB, and
// stay in L1 from row to row. Beyond, 1024 columns of the parameters, 8 KB, stay there for the rows of a
// group, which come from L2 the second time: 4096 x 4096 went from 56 - 67 to 60 - 78 % of a copy. With a
// residual, whose four streams of memory become sixteen, from 81 - 88 to 77 - 79, so there rows go alone.
constexpr int kMostTogether = 4;
constexpr int64_t kColumnsTogether = 1024, kMostColumnsAlone = 2048;

template <Norm kNorm, bool kResidual, bool kStream>
void run(const LayerNormRows& rows) {
  const LayerNormRows r = rows;  // in registers: no result can alias it
  float ones[kBlock * kLanes], zeros[kBlock * kLanes] = {};
  for (float& one : ones) one = 1.f;
  const Parameters p{r.weight ? r.weight : ones, r.bias ? r.bias : zeros, r.weight ? -1 : 0, r.bias ? -1 : 0};
  const bool alone = kResidual || r.width <= kMostColumnsAlone;
  const int64_t together = alone ? 1 : kMostTogether, columns = alone ? r.width : kColumnsTogether;
  const int64_t rest = r.width % kLanes;
  Scaling scaling[kMostTogether];
  int64_t writing = 0;  // rows of the group before `row`, whose statistics are known
  for (int64_t row = 0; row < r.rows || writing > 0; row += together) {
    const int64_t left = r.rows - row, taking = left < 0 ? 0 : left < together ? left : together;
    Moments moments[kMostTogether];
    for (int64_t c = 0; c < r.width; c += columns) {
      const int64_t end = r.width - c < columns ? r.width : c + columns;
      for (int64_t j = 0; j < taking || j < writing; ++j) {
        const int64_t taken = (row + j) * r.width, written = taken - together * r.width;
        if (j >= writing) {
          pass<kNorm, kResidual, kStream, false, true>(r, p, c, end, 0, {}, taken, moments[j]);
        } else if (j >= taking) {
          pass<kNorm, kResidual, kStream, true, false>(r, p, c, end, written, scaling[j], 0, moments[j]);
        } else {
          pass<kNorm, kResidual, kStream, true, true>(r, p, c, end, written, scaling[j], taken, moments[j]);
        }
      }
    }
    for (int64_t j = 0; j < taking; ++j) {
      const int64_t last = (row + j + 1) * r.width - rest;
      const int lanes = static_cast<int>(rest);
      scaling[j] =
          finish<kNorm>(moments[j], lanes > 0 ? element<kResidual>(r, last, lanes) : zero(), lanes, r);
    }
    writing = taking;
  }
}

void layer_norm(const LayerNormRows& r) {
  const bool streams = r.streams && can_stream(r.output, r.width) && (!r.sum || can_stream(r.sum, r.width));
  if (r.residual)
    streams ? run<Norm::Layer, true, true>(r) : run<Norm::Layer, true, false>(r);
  else
    streams ? run<Norm::Layer, false, true>(r) : run<Norm::Layer, false, false>(r);
}

void rms_norm(const LayerNormRows& r) {
  r.streams&& can_stream(r.output, r.width) ? run<Norm::Rms, false, true>(r)
                                            : run<Norm::Rms, false, false>(r);
}

}  // namespace

extern const LayerNormKernels layer_norm_kernels;
const LayerNormKernels layer_norm_kernels{layer_norm, rms_norm};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
