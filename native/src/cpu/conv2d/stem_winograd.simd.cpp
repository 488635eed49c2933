// Convolution of few input channels with a kernel of 7 rows at stride 2, by Winograd's minimal filtering
// along the columns: four rows of the output from 13 of the input by 13 products instead of 28. Columns are
// summed as they are, as in stem.simd.cpp, so that all of it runs along contiguous rows.
//
// By phases, as in winograd_transforms.h: output row i is the 4-tap kernel (w0, w2, w4, w6) over the even
// rows, by F(4, 4) at 7 points, plus the 3-tap kernel (w1, w3, w5) over the odd ones, by F(4, 3) at 6 of the
// same points. The output transform knows nothing of the taps, only of the points, so that both phases are
// summed before it:
//
//   Y = At [ sum over c, x of (Ge w_even) * (Bte x_even) + (Go w_odd) * (Bto x_odd) ]
//
// Points: +-3/4, +-7/4, +-1/4 and infinity, of which the odd phase leaves out -1/4. Of some hundred choices
// these have the least error, 1.7 times that of plain sums in f32; their powers are exact.
//
// With 3 channels and 7 columns on Zen 5, one thread and a 3x3/2 max-pool behind it: 1.34 ms by sums, 0.82 so
// (AVX-512); 2.5 and 1.4 (AVX2). The products alone would take 0.50 and 0.99 at the peak.
#include "cpu/conv2d/epilogue.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr int kPixels = tile_pixels(kRegisters);
constexpr int kTile = kStemTileRows, kPoints = kStemPoints;
constexpr int kEvenRows = 7, kOddRows = 6;

constexpr float a = 0.75f, b = 1.75f, c = 0.25f;

// The rows of Bt for +-p, where the other pairs are +-q and +-r: (x +- p)(x^2 - q^2)(x^2 - r^2).
FUSOR_INLINE void transform_pair(const Vec (&x)[kEvenRows], float p, float q, float r, Vec& plus,
                                 Vec& minus) {
  const Vec sum = broadcast(q * q + r * r), product = broadcast(q * q * r * r);
  const Vec even = (x[4] + product * x[0]) - sum * x[2], odd = (x[5] + product * x[1]) - sum * x[3];
  plus = odd + broadcast(p) * even;
  minus = odd - broadcast(p) * even;
}

FUSOR_INLINE void transform_even(const Vec (&x)[kEvenRows], Vec (&y)[kPoints]) {
  transform_pair(x, a, b, c, y[0], y[1]);
  transform_pair(x, b, a, c, y[2], y[3]);
  transform_pair(x, c, a, b, y[4], y[6]);
  // (x^2 - a^2)(x^2 - b^2)(x^2 - c^2)
  constexpr float one = a * a + b * b + c * c, two = a * a * b * b + a * a * c * c + b * b * c * c,
                  three = a * a * b * b * c * c;
  y[5] = (x[6] - broadcast(three) * x[0]) + (broadcast(two) * x[2] - broadcast(one) * x[4]);
}

// Without -c: each row but that of c has the factor (x - c).
FUSOR_INLINE void transform_odd(const Vec (&x)[kOddRows], Vec (&y)[kPoints - 1]) {
  Vec d[kOddRows - 1];
#pragma GCC unroll 5
  for (int i = 0; i < kOddRows - 1; ++i) d[i] = x[i + 1] - broadcast(c) * x[i];
  const Vec a2 = broadcast(a * a), b2 = broadcast(b * b);
  const Vec even_a = d[2] - b2 * d[0], odd_a = d[3] - b2 * d[1];
  const Vec even_b = d[2] - a2 * d[0], odd_b = d[3] - a2 * d[1];
  y[0] = odd_a + broadcast(a) * even_a;
  y[1] = odd_a - broadcast(a) * even_a;
  y[2] = odd_b + broadcast(b) * even_b;
  y[3] = odd_b - broadcast(b) * even_b;
  const Vec sum = broadcast(a * a + b * b), product = broadcast(a * a * b * b);
  y[4] = (x[4] + product * x[0]) - sum * x[2];
  y[5] = (d[4] + product * d[0]) - sum * d[2];
}

void transform_input(const StemTile& tile) {
  const int64_t row = tile.row_floats, phase = tile.channels * row;
  for (int64_t channel = 0; channel < tile.channels; ++channel) {
    const float* from = tile.input + channel * kStemInputRows * row;
    float* to = tile.v + channel * row;
    for (int64_t i = 0; i < row; i += kLanes, from += kLanes, to += kLanes) {
      Vec even[kEvenRows], odd[kOddRows], y[kPoints], z[kPoints - 1];
#pragma GCC unroll 7
      for (int k = 0; k < kEvenRows; ++k) even[k] = load(from + 2 * k * row);
#pragma GCC unroll 6
      for (int k = 0; k < kOddRows; ++k) odd[k] = load(from + (2 * k + 1) * row);
      transform_even(even, y);
#pragma GCC unroll 7
      for (int k = 0; k < kPoints; ++k) store(to + 2 * k * phase, y[k]);
      transform_odd(odd, z);
#pragma GCC unroll 6
      for (int k = 0; k < kPoints - 1; ++k) store(to + (2 * k + 1) * phase, z[k]);
    }
  }
}

FUSOR_INLINE void transform_output(const Vec (&x)[kPoints], Vec (&y)[kTile]) {
  const Vec sum_a = x[0] + x[1], difference_a = x[0] - x[1], sum_b = x[2] + x[3], difference_b = x[2] - x[3];
  const Vec sum_c = x[4] + x[6], difference_c = x[4] - x[6];
  y[0] = (sum_a + sum_b) + sum_c;
  y[1] = (broadcast(a) * difference_a + broadcast(b) * difference_b) + broadcast(c) * difference_c;
  y[2] = (broadcast(a * a) * sum_a + broadcast(b * b) * sum_b) + broadcast(c * c) * sum_c;
  y[3] = (broadcast(a * a * a) * difference_a + broadcast(b * b * b) * difference_b) +
         (broadcast(c * c * c) * difference_c + x[5]);
}

// The sums at one point: kPixels neighbours x V vectors of output channels.
template <int V>
__attribute__((noinline)) void multiply(const float* pixels, const int64_t* taps, int64_t count,
                                        const float* weights, float* m) {
  Vec sums[kPixels][V];
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < kPixels; ++s)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sums[s][v] = zero();
  for (int64_t t = 0; t < count; ++t, weights += V * kLanes) {
    const float* pixel = pixels + taps[t];
    Vec weight[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) weight[v] = load(weights + v * kLanes);
#pragma GCC unroll kUnrollTile
    for (int s = 0; s < kPixels; ++s) {
      const Vec x = broadcast(pixel[s * kStemColumnStep]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sums[s][v] = multiply_add(x, weight[v], sums[s][v]);
    }
  }
#pragma GCC unroll kUnrollTile
  for (int s = 0; s < kPixels; ++s)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(m + (s * V + v) * kLanes, sums[s][v]);
}

// Output columns `column` to column + kPixels, of which the first `skipped` have been written before.
template <int V>
void run_tile(const StemTile& tile, const float* weights, int64_t block, int64_t column, int64_t skipped) {
  const ConvolutionTarget& target = tile.target;
  alignas(64) float m[kPoints][kPixels * V * kLanes];
  const int64_t point_floats = 2 * tile.channels * tile.row_floats;
  for (int point = 0; point < kPoints; ++point) {
    const int64_t taps = point == kPoints - 1 ? tile.phase_taps : 2 * tile.phase_taps;
    multiply<V>(tile.v + point * point_floats + column * kStemColumnStep, tile.taps, taps, weights, m[point]);
    weights += taps * V * kLanes;
  }
  const Range range = activation_range(target.activation);
  const Vec low = broadcast(range.low), high = broadcast(range.high);
  for (int v = 0; v < V; ++v) {
    const Vec bias = load(target.bias + (block + v) * kLanes);
    const int32_t* mask = target.mask + (block + v) * kLanes;
    const auto offset = [&](int64_t of_block, int64_t of_row) {
      return (block + v) * of_block + tile.row * of_row + column * kLanes;
    };
    float* output = target.output + offset(target.output_block, target.output_row);
    const float* residual =
        target.residual ? target.residual + offset(target.residual_block, target.residual_row) : nullptr;
    for (int64_t s = skipped; s < kPixels; ++s) {
      Vec sums[kPoints], pixels[kTile];
#pragma GCC unroll 7
      for (int point = 0; point < kPoints; ++point) sums[point] = load(m[point] + (s * V + v) * kLanes);
      transform_output(sums, pixels);
#pragma GCC unroll 4
      for (int y = 0; y < kTile; ++y) {
        if (y < tile.live_begin || y >= tile.live_end) continue;
        Vec value = pixels[y] + bias;
        if (residual) value = value + load(residual + y * target.residual_row + s * kLanes);
        store(output + y * target.output_row + s * kLanes, masked(clamped(value, low, high), mask));
      }
    }
    if (!range.enough)
      for (int64_t y = tile.live_begin; y < tile.live_end; ++y)
        apply_activation(output + y * target.output_row + skipped * kLanes, kLanes,
                         kPixels - static_cast<int>(skipped), target.activation, mask);
  }
}

}  // namespace

void stem_winograd(const StemTile& tile) {
  transform_input(tile);
  const int64_t taps = (2 * kPoints - 1) * tile.phase_taps;
  const float* weights = tile.weights;
  for (int64_t block = 0; block < tile.output_blocks; block += kPanelVectors) {
    const bool wide = block + 1 < tile.output_blocks;
    for (int64_t x = 0; x < tile.width; x += kPixels) {
      // The last ones end where the row does.
      const int64_t column = x + kPixels <= tile.width ? x : tile.width - kPixels;
      if (wide)
        run_tile<2>(tile, weights, block, column, x - column);
      else
        run_tile<1>(tile, weights, block, column, x - column);
    }
    weights += taps * (wide ? 2 : 1) * kLanes;
  }
}

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
