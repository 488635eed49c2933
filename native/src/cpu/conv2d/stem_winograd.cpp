// The stem by Winograd's minimal filtering along the columns: packing, and the tiles that the kernel
// (stem_winograd.simd.cpp) computes.
#include <algorithm>

#include "cpu/conv2d/stem.h"

namespace fusor::cpu {
namespace {

// The points in the kernel's order; infinity is the last but one, and the odd rows do without the last.
constexpr double kPoints[kStemPoints] = {0.75, -0.75, 1.75, -1.75, 0.25, 0, -0.25};
constexpr int kInfinity = 5, kEvenOnly = 6;

// G of F(4, taps) at one point, for one tap: the point's power over the product of its differences to the
// others.
double weight_factor(int point, int tap, int taps, bool is_even) {
  if (point == kInfinity) return tap == taps - 1 ? 1 : 0;
  double factor = 1;
  for (int i = 0; i < tap; ++i) factor *= kPoints[point];
  for (int other = 0; other < kStemPoints; ++other)
    if (other != point && other != kInfinity && (is_even || other != kEvenOnly))
      factor /= kPoints[point] - kPoints[other];
  return factor;
}

}  // namespace

// Tiles begin at multiples of their height, whichever rows are asked for.
void StemRowsConvolution::compute_by_winograd(const float* planes, const int64_t* taps, float* copy,
                                              int64_t begin, int64_t end,
                                              const ConvolutionTarget& target) const {
  StemTile tile{};
  tile.input = copy;
  tile.channels = shape_.c;
  tile.row_floats = copy_width_;
  tile.v = copy + copied_floats();
  tile.taps = taps;
  tile.phase_taps = taps_ / 2;
  tile.weights = weights_.data();
  tile.width = shape_.q;
  tile.output_blocks = output_blocks_;
  tile.target = target;
  for (int64_t row = begin / kStemTileRows * kStemTileRows; row < end; row += kStemTileRows) {
    copy_padded(planes, row * shape_.stride[0] - shape_.padding[0], copy);
    tile.row = row;
    tile.live_begin = std::max(begin, row) - row;
    tile.live_end = std::min<int64_t>(end - row, kStemTileRows);
    kernels_.convolution->stem_winograd(tile);
  }
}

// [panel][point][even rows, odd rows][channel][column][vector][L]
void StemRowsConvolution::pack_for_winograd(const ConvolutionRequest& request) {
  const ConvolutionShape& s = shape_;
  const int64_t L = lanes(), phase_taps = s.c * s.s;
  const int64_t panel_taps = (2 * kStemPoints - 1) * phase_taps;
  weights_ = PackedFloats(output_blocks_ * L * panel_taps, request.memory);
  for (int64_t k = 0; k < s.k; ++k) {
    const int64_t first = k / L / kPanelVectors * kPanelVectors;
    const int64_t width = std::min<int64_t>(kPanelVectors, output_blocks_ - first) * L;
    float* to = weights_.data() + first * L * panel_taps + k - first * L;
    for (int point = 0; point < kStemPoints; ++point)
      for (int phase = 0; phase < (point == kEvenOnly ? 1 : 2); ++phase)
        for (int64_t c = 0; c < s.c; ++c)
          for (int64_t x = 0; x < s.s; ++x, to += width) {
            const int rows = phase == 0 ? 4 : 3;
            double sum = 0;
            for (int i = 0; i < rows; ++i)
              sum += weight_factor(point, i, rows, phase == 0) *
                     static_cast<double>(request.weight[((k * s.c + c) * s.r + 2 * i + phase) * s.s + x]);
            *to = static_cast<float>(sum);
          }
  }
}

}  // namespace fusor::cpu
