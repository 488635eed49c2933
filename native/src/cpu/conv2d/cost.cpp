// Two things cost: arithmetic, and weights, which come from L3 or memory once per run (a whole network's do
// not stay in cache). They overlap thanks to prefetching, so the estimate is the larger. Winograd saves
// arithmetic and multiplies the weights: by 4 for 4x4 pixels, by 16/9 for 2x2. Fitted to whole-network
// timings on Emerald Rapids (AVX-512 and AVX2), where it ranks every 3x3 of ResNet-18 to 50 as measured; a
// Zen 3 trial had the same order.
#include "cpu/conv2d/cost.h"

#include <algorithm>

#include "cpu/conv2d/algorithm.h"

namespace fusor::cpu {
namespace {

// 11 GB/s at 2.8 GHz, of a core streaming 100 MB of weights; faster memory only helps the algorithms that it
// holds up.
constexpr double kWeightBytesPerCycle = 4;
constexpr double kMultiplyAddsPerCycle = 2;  // vectors

double blocks(int64_t channels, int lanes) {
  return static_cast<double>(ceil_divide(channels, lanes));
}

double slower(double arithmetic, double weights) {
  return std::max(arithmetic, weights * sizeof(float) / kWeightBytesPerCycle);
}

}  // namespace

double direct_cycles(const KernelSet& kernels, const ConvolutionShape& s) {
  const double channels = static_cast<double>(s.c / s.groups), taps = static_cast<double>(s.r * s.s);
  const double outputs = blocks(s.k, kernels.lanes), pixels = static_cast<double>(s.n * s.p * s.q);
  constexpr double kShareOfPeak = 0.93;
  return slower(pixels * outputs * channels * taps / kMultiplyAddsPerCycle / kShareOfPeak,
                static_cast<double>(s.k) * channels * taps);
}

double winograd_cycles(const KernelSet& kernels, const ConvolutionShape& s, int tile) {
  const double tiles = static_cast<double>(s.n * ceil_divide(s.p, tile) * ceil_divide(s.q, tile));
  // A tile's side in the transformed domain.
  const double side = s.stride[0] == 1 ? tile + 2 : 2 * tile + 1, points = side * side;
  const double channels = static_cast<double>(s.c);
  const double inputs = blocks(s.c, kernels.lanes), outputs = blocks(s.k, kernels.lanes);
  // Below some tiles the weights' loads, two vectors a cycle, are what limits the product.
  const double product = std::max(tiles / kMultiplyAddsPerCycle, 0.5) * points * channels * outputs;
  constexpr double kShareOfPeak = 0.85;
  // Cycles of transforming one vector of a tile: its loads, operations and stores.
  const double transform = 3 * points;
  const double arithmetic = product / kShareOfPeak + tiles * (inputs + outputs) * transform;
  return slower(arithmetic, static_cast<double>(s.k) * channels * points);
}

}  // namespace fusor::cpu
