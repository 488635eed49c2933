// Two things cost: arithmetic, and weights, which come from L3 or memory once per run (a whole network's do
// not stay in cache). Winograd saves arithmetic and multiplies the weights: by 4 for 4x4 pixels, 2.8 for 3x3,
// 16/9 for 2x2. Prefetching hides most of the smaller of the two behind the larger. Fitted to whole-network
// timings on Emerald Rapids and Zen 5 (AVX-512 and AVX2); docs/decisions/0006 has them.
#include "cpu/conv2d/cost.h"

#include <algorithm>

#include "cpu/conv2d/algorithm.h"

namespace fusor::cpu {
namespace {

constexpr double kMultiplyAddsPerCycle = 2;  // vectors
// Of the smaller cost, what prefetching leaves exposed.
constexpr double kExposed = 0.4;

// What a core reads of a stream of 100 MB of weights, in bytes a cycle: 26 GB/s at 3.3 GHz on Zen 5, 20
// at 3.4 on Zen 3; 11 GB/s at 2.8 GHz on Emerald Rapids. Unknown chips count as the slower: faster memory
// only helps the algorithms that it holds up.
double weight_bytes_per_cycle() {
#if defined(__x86_64__)
  static const double bytes = __builtin_cpu_is("amd") ? 7 : 4;
  return bytes;
#else
  return 4;
#endif
}

double blocks(int64_t channels, int lanes) {
  return static_cast<double>(ceil_divide(channels, lanes));
}

double overlapped(double arithmetic, double weights) {
  const double stream = weights * sizeof(float) / weight_bytes_per_cycle();
  return std::max(arithmetic, stream) + kExposed * std::min(arithmetic, stream);
}

}  // namespace

double direct_cycles(const KernelSet& kernels, const ConvolutionShape& s) {
  const double channels = static_cast<double>(s.c / s.groups), taps = static_cast<double>(s.r * s.s);
  const double outputs = blocks(s.k, kernels.lanes), pixels = static_cast<double>(s.n * s.p * s.q);
  constexpr double kShareOfPeak = 0.93;
  return overlapped(pixels * outputs * channels * taps / kMultiplyAddsPerCycle / kShareOfPeak,
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
  return overlapped(arithmetic, static_cast<double>(s.k) * channels * points);
}

double winograd_stem_cycles(const KernelSet& kernels, const ConvolutionShape& s) {
  const double pixels = static_cast<double>(s.n * ceil_divide(s.p, kStemTileRows) * s.q);
  const double outputs = blocks(s.k, kernels.lanes), taps = static_cast<double>(s.c * s.s);
  // Both phases of the rows, but at the last point.
  constexpr double kProducts = 2 * kStemPoints - 1;
  // Of the products at the peak, with the transforms.
  constexpr double kShareOfPeak = 0.8;
  return pixels * outputs * taps * kProducts / kMultiplyAddsPerCycle / kShareOfPeak;
}

}  // namespace fusor::cpu
