// Convolution of few input channels, from planes: packing, and the padded copies of a few rows that the
// kernel (stem.simd.cpp) reads.
#include "cpu/conv2d/stem.h"

#include <algorithm>
#include <cstring>

namespace fusor::cpu {

StemRowsConvolution::StemRowsConvolution(const ConvolutionRequest& request, StemMethod method,
                                         int64_t most_rows)
    : ConvolutionBase(request), method_(method) {
  const ConvolutionShape& s = shape_;
  copy_width_ = ceil_divide((s.q - 1) * s.stride[1] + (s.s - 1) * s.dilation[1] + 1, 16) * 16;
  if (method == StemMethod::Winograd) {
    copy_rows_ = kStemInputRows;
    taps_ = 2 * s.c * s.s;
    pack_for_winograd(request);
  } else {
    copy_rows_ = (most_rows - 1) * s.stride[0] + (s.r - 1) * s.dilation[0] + 1;
    taps_ = s.c * s.r * s.s;
    pack_for_sums(request);
  }
}

void StemRowsConvolution::write_taps(int64_t* taps) const {
  const ConvolutionShape& s = shape_;
  const bool transformed = method_ == StemMethod::Winograd;
  // Transformed, a point has two "channels" for one, of one row each: the even and the odd rows'.
  const int64_t channels = transformed ? 2 * s.c : s.c, rows = transformed ? 1 : s.r;
  const int64_t plane = transformed ? copy_width_ : copy_rows_ * copy_width_;
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t y = 0; y < rows; ++y)
      for (int64_t x = 0; x < s.s; ++x)
        *taps++ = c * plane + y * s.dilation[0] * copy_width_ + x * s.dilation[1];
}

void StemRowsConvolution::compute_rows(const float* planes, const int64_t* taps, float* copy, int64_t begin,
                                       int64_t end, const ConvolutionTarget& target) const {
  if (method_ == StemMethod::Winograd)
    compute_by_winograd(planes, taps, copy, begin, end, target);
  else
    compute_by_sums(planes, taps, copy, begin, end, target);
}

void StemRowsConvolution::compute_by_sums(const float* planes, const int64_t* taps, float* copy,
                                          int64_t begin, int64_t end, const ConvolutionTarget& target) const {
  const ConvolutionShape& s = shape_;
  copy_padded(planes, begin * s.stride[0] - s.padding[0], copy);
  StemRows rows{};
  rows.input = copy;
  rows.row_step = s.stride[0] * copy_width_;
  rows.column_step = s.stride[1];
  rows.row_begin = begin;
  rows.row_end = end;
  rows.width = s.q;
  rows.taps = taps;
  rows.tap_count = taps_;
  rows.weights = weights_.data();
  rows.output_blocks = output_blocks_;
  rows.target = target;
  kernels_.convolution->stem(rows);
}

// The image's rows from `first` on, all channels, with zeros where they lie outside.
void StemRowsConvolution::copy_padded(const float* planes, int64_t first, float* copy) const {
  const ConvolutionShape& s = shape_;
  const int64_t left = std::min<int64_t>(s.padding[2], copy_width_),
                inside = std::min(s.w, copy_width_ - left);
  const auto bytes = [](int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); };
  for (int64_t c = 0; c < s.c; ++c)
    for (int64_t i = 0; i < copy_rows_; ++i, copy += copy_width_) {
      const int64_t y = first + i;
      if (y < 0 || y >= s.h) {
        std::memset(copy, 0, bytes(copy_width_));
        continue;
      }
      std::memset(copy, 0, bytes(left));
      std::memcpy(copy + left, planes + (c * s.h + y) * s.w, bytes(inside));
      std::memset(copy + left + inside, 0, bytes(copy_width_ - left - inside));
    }
}

// [panel][tap][vector][L]
void StemRowsConvolution::pack_for_sums(const ConvolutionRequest& request) {
  const int64_t L = lanes();
  weights_ = PackedFloats(output_blocks_ * L * taps_, request.memory);
  for (int64_t k = 0; k < shape_.k; ++k) {
    const int64_t first = k / L / kPanelVectors * kPanelVectors;
    const int64_t width = std::min<int64_t>(kPanelVectors, output_blocks_ - first) * L;
    float* to = weights_.data() + first * L * taps_ + k - first * L;
    for (int64_t tap = 0; tap < taps_; ++tap) to[tap * width] = request.weight[k * taps_ + tap];
  }
}

namespace {

// Above this a block of channels is no longer mostly padding.
constexpr int64_t kMostChannels = 4;
// Output rows of an item. Fewer copy the overlap of the kernel's rows more often, more fill L2; Winograd's
// tile has as many.
constexpr int64_t kItemRows = kStemTileRows;

class StemConvolution final : public StemRowsConvolution {
 public:
  StemConvolution(const ConvolutionRequest& request, StemMethod method)
      : StemRowsConvolution(request, method, std::min(kItemRows, request.shape.p)) {}

  const char* algorithm() const override { return method_ == StemMethod::Sums ? "stem" : "winograd stem"; }
  int64_t workspace_bytes(int threads) const override {
    return (taps_floats() + threads * copy_floats()) * static_cast<int64_t>(sizeof(float));
  }

  void run(Pool& pool, int threads, const Arguments& arguments) const override {
    if (empty()) return;
    const ConvolutionShape& s = shape_;
    int64_t* taps = static_cast<int64_t*>(arguments.workspace);
    write_taps(taps);
    float* copies = static_cast<float*>(arguments.workspace) + taps_floats();
    const int64_t items = ceil_divide(s.p, kItemRows);
    WorkShares shares(s.n * items, threads);
    pool.share(threads, [&](const Team& team) {
      for (int64_t item; (item = shares.take(team)) >= 0;) {
        const int64_t image = item / items, begin = item % items * kItemRows;
        compute_rows(arguments.planar + image * s.c * s.h * s.w, taps, copies + team.thread() * copy_floats(),
                     begin, std::min(s.p, begin + kItemRows), target(arguments, image));
      }
    });
  }
};

}  // namespace

bool stem_fits(const KernelSet&, const ConvolutionShape& shape) {
  return shape.groups == 1 && shape.c <= kMostChannels;
}
std::unique_ptr<Convolution> make_stem(const ConvolutionRequest& request) {
  return std::make_unique<StemConvolution>(request, StemMethod::Sums);
}
bool winograd_stem_fits(const KernelSet& kernels, const ConvolutionShape& shape) {
  return stem_fits(kernels, shape) && shape.r == 7 && shape.dilation[0] == 1 && shape.stride[0] == 2 &&
         shape.stride[1] == kStemColumnStep && shape.q >= tile_pixels(kernels.registers);
}
std::unique_ptr<Convolution> make_winograd_stem(const ConvolutionRequest& request) {
  return std::make_unique<StemConvolution>(request, StemMethod::Winograd);
}

}  // namespace fusor::cpu
