// Layer-norm: y = (x - mean) / sqrt(variance + eps) * weight + bias per row (Ba et al. 2016,
// https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html); RMS-norm: y = x / sqrt(mean(x^2) + eps)
// * weight.
//
// Three passes over a row that stays in L1 (up to 8k elements) or L2: sum, squared deviations, result. Memory
// sees one read and one write, so the limit is the bandwidth of a copy. The variance comes from deviations,
// never from E[x^2] - E[x]^2, and is corrected by their sum, which is what rounding of the mean left over.
#include "cpu/layer_norm/layer_norm.h"

#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

// Independent accumulators: an addition takes 3 to 4 cycles and two start in one.
constexpr int kChains = 4;

FUSOR_INLINE float sum_of(const Vec (&chains)[kChains]) {
  const Vec v = (chains[0] + chains[1]) + (chains[2] + chains[3]);
  float lanes[kLanes];
  store(lanes, v);
  for (int step = kLanes / 2; step > 0; step /= 2)
    for (int i = 0; i < step; ++i) lanes[i] += lanes[i + step];
  return lanes[0];
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

FUSOR_INLINE Vec load_lanes(const float* p, int lanes) {
  return lanes == kLanes ? load(p) : load_partial(p, lanes);
}
FUSOR_INLINE void store_lanes(float* p, Vec v, int lanes) {
  if (lanes == kLanes)
    store(p, v);
  else
    store_partial(p, v, lanes);
}

// The row that is normalised: x, or x + residual, which is written to `sum` on the way.
FUSOR_INLINE const float* add_residual(const LayerNormRows& r, int64_t row, float* row_sum) {
  const float* x = r.x + row * r.width;
  Vec chains[kChains] = {};
  if (!r.residual) {
    for_each_vector(r.width, [&](int chain, int64_t i, int lanes) {
      chains[chain] = chains[chain] + load_lanes(x + i, lanes);
    });
    *row_sum = sum_of(chains);
    return x;
  }
  const float* residual = r.residual + row * r.width;
  float* sum = r.sum + row * r.width;
  for_each_vector(r.width, [&](int chain, int64_t i, int lanes) {
    const Vec v = load_lanes(x + i, lanes) + load_lanes(residual + i, lanes);
    store_lanes(sum + i, v, lanes);
    chains[chain] = chains[chain] + v;
  });
  *row_sum = sum_of(chains);
  return sum;
}

template <bool kWeight, bool kBias>
FUSOR_INLINE void scale_row(const LayerNormRows& r, const float* x, float mean, float scale, float* output) {
  const Vec means = broadcast(mean), scales = broadcast(scale);
  for_each_vector(r.width, [&](int, int64_t i, int lanes) {
    Vec v = (load_lanes(x + i, lanes) - means) * scales;
    if (kWeight && kBias)
      v = multiply_add(v, load_lanes(r.weight + i, lanes), load_lanes(r.bias + i, lanes));
    else if (kWeight)
      v = v * load_lanes(r.weight + i, lanes);
    else if (kBias)
      v = v + load_lanes(r.bias + i, lanes);
    store_lanes(output + i, v, lanes);
  });
}

FUSOR_INLINE void write_row(const LayerNormRows& r, const float* x, float mean, float scale, float* output) {
  if (r.weight)
    r.bias ? scale_row<true, true>(r, x, mean, scale, output)
           : scale_row<true, false>(r, x, mean, scale, output);
  else
    r.bias ? scale_row<false, true>(r, x, mean, scale, output)
           : scale_row<false, false>(r, x, mean, scale, output);
}

void layer_norm(const LayerNormRows& r) {
  const float count = static_cast<float>(r.width);
  for (int64_t row = 0; row < r.rows; ++row) {
    float sum;
    const float* x = add_residual(r, row, &sum);
    const float mean = sum / count;
    const Vec means = broadcast(mean);
    Vec squares[kChains] = {}, deviations[kChains] = {};
    for_each_vector(r.width, [&](int chain, int64_t i, int lanes) {
      Vec d = load_lanes(x + i, lanes) - means;
      if (lanes != kLanes) {  // lanes past the row must not count as -mean
        float valid[kLanes] = {};
        store_partial(valid, d, lanes);
        d = load(valid);
      }
      deviations[chain] = deviations[chain] + d;
      squares[chain] = multiply_add(d, d, squares[chain]);
    });
    const float left_over = sum_of(deviations);
    const float variance = (sum_of(squares) - left_over * left_over / count) / count;
    write_row(r, x, mean, 1.f / __builtin_sqrtf(variance + r.epsilon), r.output + row * r.width);
  }
}

void rms_norm(const LayerNormRows& r) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const float* x = r.x + row * r.width;
    Vec squares[kChains] = {};
    for_each_vector(r.width, [&](int chain, int64_t i, int lanes) {
      const Vec v = load_lanes(x + i, lanes);
      squares[chain] = multiply_add(v, v, squares[chain]);
    });
    const float mean_square = sum_of(squares) / static_cast<float>(r.width);
    write_row(r, x, 0.f, 1.f / __builtin_sqrtf(mean_square + r.epsilon), r.output + row * r.width);
  }
}

}  // namespace

extern const LayerNormKernels layer_norm_kernels;
const LayerNormKernels layer_norm_kernels{layer_norm, rms_norm};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
