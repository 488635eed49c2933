// Grouped convolution where groups are narrower than, or straddle, the channel blocks; and depthwise.
//
// A vector of output channels spans several groups, each with its own input channels. For every input channel
// index j of a group, the lanes of an input vector are permuted so that each output lane meets its own
// group's channel j:
//   out[lane] += in[source of (lane, j)] * w[tap][j][lane],
// one permutation and one multiply-add per j: no product with a zero that stands for "not my group" (it would
// carry NaN from group to group). Where the channels j of a vector come from several input blocks, each block
// is a source with its own terms, and lanes that it does not serve see zero. With 4 channels per group
// (ResNeXt) it reaches about half of the multiply-add peak, permutations being as many. Depthwise is the case
// with nothing to permute: one load per multiply-add, hence half of the peak in L1, and memory-bound beyond.
#include "cpu/conv2d/epilogue.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

FUSOR_INLINE IntVec load_indices(const int32_t* p) {
  const IntVec lanes = *reinterpret_cast<const UnalignedIntVec*>(p);
#if FUSOR_SIMD_BYTES == 16
  return lanes * broadcast_int(0x04040404) + broadcast_int(0x03020100);  // of bytes
#else
  return lanes;
#endif
}
FUSOR_INLINE Vec permute(Vec x, IntVec indices) {
#if defined(__AVX512F__) && FUSOR_SIMD_BYTES == 64
  return reinterpret_cast<Vec>(
      _mm512_permutexvar_ps(reinterpret_cast<__m512i>(indices), reinterpret_cast<__m512>(x)));
#elif defined(__AVX2__) && FUSOR_SIMD_BYTES == 32
  return reinterpret_cast<Vec>(
      _mm256_permutevar8x32_ps(reinterpret_cast<__m256>(x), reinterpret_cast<__m256i>(indices)));
#elif defined(__x86_64__) && FUSOR_SIMD_BYTES == 16
  return reinterpret_cast<Vec>(
      _mm_shuffle_epi8(reinterpret_cast<__m128i>(x), reinterpret_cast<__m128i>(indices)));
#elif defined(__aarch64__)
  return reinterpret_cast<Vec>(
      vqtbl1q_u8(reinterpret_cast<uint8x16_t>(x), reinterpret_cast<uint8x16_t>(indices)));
#else
  Vec y;
  for (int i = 0; i < kLanes; ++i) y[i] = x[indices[i]];
  return y;
#endif
}

// One accumulator and one input per pixel, beside a weight, indices and a mask.
#if FUSOR_SIMD_REGISTERS == 32
constexpr int kPixels = 8;
#else
constexpr int kPixels = 4;
#endif
// Enough chains for two multiply-adds a cycle of four cycles' latency.
constexpr int kDepthwisePixels = 8;

template <int S>
FUSOR_INLINE void finish(Vec (&sums)[S], const GroupedRows& rows, int64_t y, int64_t x) {
  const ConvolutionTarget& target = rows.target;
  const Range range = activation_range(target.activation);
  const Vec low = broadcast(range.low), high = broadcast(range.high);
  const int32_t* mask = target.mask + rows.block * kLanes;
  float* output = target.output + rows.block * target.output_block + y * target.output_row + x * kLanes;
  if (target.residual) {
    const float* residual =
        target.residual + rows.block * target.residual_block + y * target.residual_row + x * kLanes;
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s) sums[s] = sums[s] + load(residual + s * kLanes);
  }
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < S; ++s) store(output + s * kLanes, masked(clamped(sums[s], low, high), mask));
  if (!range.enough) apply_activation(output, kLanes, S, target.activation, mask);
}

// The sums over one source. kWhole: every term serves every lane.
template <int S, bool kWhole>
FUSOR_INLINE const float* accumulate(Vec (&sums)[S], const GroupedRows& rows, const GroupedSource& source,
                                     const float* pixel, const float* w) {
  pixel += source.block * rows.input_block;
  const int32_t* const lanes = rows.lanes + int64_t{source.first_term} * 2 * kLanes;
  for (int64_t t = 0; t < rows.tap_count; ++t) {
    Vec x[S];
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s) x[s] = load(pixel + rows.taps[t] + s * rows.column_step);
    const int32_t* term_lanes = lanes;
    for (int term = 0; term < source.terms; ++term, term_lanes += 2 * kLanes, w += kLanes) {
      const IntVec indices = load_indices(term_lanes);
      const Vec weight = load(w);
#pragma GCC unroll kUnrollTile
      for (int s = 0; s < S; ++s) {
        Vec value = permute(x[s], indices);
        if (!kWhole) value = masked(value, term_lanes + kLanes);
        sums[s] = multiply_add(value, weight, sums[s]);
      }
    }
  }
  return w;
}

template <int S>
__attribute__((noinline)) void run_grouped(const GroupedRows& rows, int64_t y, int64_t x) {
  Vec sums[S];
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < S; ++s) sums[s] = load(rows.target.bias + rows.block * kLanes);
  const float* pixel = rows.input + y * rows.row_step + x * rows.column_step;
  const float* w = rows.weights;
  for (int i = 0; i < rows.source_count; ++i)
    w = rows.sources[i].whole ? accumulate<S, true>(sums, rows, rows.sources[i], pixel, w)
                              : accumulate<S, false>(sums, rows, rows.sources[i], pixel, w);
  finish<S>(sums, rows, y, x);
}

template <int S>
__attribute__((noinline)) void run_depthwise(const GroupedRows& rows, int64_t y, int64_t x) {
  Vec sums[S];
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < S; ++s) sums[s] = load(rows.target.bias + rows.block * kLanes);
  const float* pixel = rows.input + rows.block * rows.input_block + y * rows.row_step + x * rows.column_step;
  for (int64_t t = 0; t < rows.tap_count; ++t) {
    const Vec weight = load(rows.weights + t * kLanes);
    const float* tap = pixel + rows.taps[t];
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < S; ++s) sums[s] = multiply_add(load(tap + s * rows.column_step), weight, sums[s]);
  }
  finish<S>(sums, rows, y, x);
}

using Run = void (*)(const GroupedRows&, int64_t, int64_t);
constexpr Run kGrouped[] = {run_grouped<1>, run_grouped<2>, run_grouped<3>,
                            run_grouped<4>,
#if FUSOR_SIMD_REGISTERS == 32
                            run_grouped<5>, run_grouped<6>, run_grouped<7>,
                            run_grouped<8>
#endif
};
constexpr Run kDepthwise[] = {run_depthwise<1>, run_depthwise<2>, run_depthwise<3>, run_depthwise<4>,
                              run_depthwise<5>, run_depthwise<6>, run_depthwise<7>, run_depthwise<8>};

FUSOR_INLINE void for_each_tile(const GroupedRows& rows, const Run* run, int64_t most) {
  const int64_t tiles = (rows.width + most - 1) / most;
  for (int64_t y = rows.row_begin; y < rows.row_end; ++y)
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t x = rows.width * i / tiles, count = rows.width * (i + 1) / tiles - x;
      run[count - 1](rows, y, x);
    }
}

}  // namespace

void grouped(const GroupedRows& rows) {
  for_each_tile(rows, kGrouped, kPixels);
}
void depthwise(const GroupedRows& rows) {
  for_each_tile(rows, kDepthwise, kDepthwisePixels);
}

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
