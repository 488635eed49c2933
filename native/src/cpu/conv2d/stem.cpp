// Convolution of few input channels, from planes: packing, and the padded copies of a few rows that the
// kernel (stem.simd.cpp) reads.
#include "cpu/conv2d/stem.h"

#include <algorithm>
#include <cstring>

namespace fusor::cpu {

StemRowsConvolution::StemRowsConvolution(const ConvolutionRequest& request, int64_t most_rows)
    : ConvolutionBase(request) {
  const ConvolutionShape& s = shape_;
  copy_rows_ = (most_rows - 1) * s.stride[0] + (s.r - 1) * s.dilation[0] + 1;
  copy_width_ = ceil_divide((s.q - 1) * s.stride[1] + (s.s - 1) * s.dilation[1] + 1, 16) * 16;
  taps_ = s.c * s.r * s.s;
  pack(request);
}

void StemRowsConvolution::write_taps(int64_t* taps) const {
  const ConvolutionShape& s = shape_;
  for (int64_t c = 0; c < s.c; ++c)
    for (int64_t y = 0; y < s.r; ++y)
      for (int64_t x = 0; x < s.s; ++x)
        *taps++ = (c * copy_rows_ + y * s.dilation[0]) * copy_width_ + x * s.dilation[1];
}

void StemRowsConvolution::compute_rows(const float* planes, const int64_t* taps, float* copy, int64_t begin,
                                       int64_t end, const ConvolutionTarget& target) const {
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
void StemRowsConvolution::pack(const ConvolutionRequest& request) {
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
// Output rows of an item. Fewer copy the overlap of the kernel's rows more often, more fill L2.
constexpr int64_t kItemRows = 4;

class StemConvolution final : public StemRowsConvolution {
 public:
  explicit StemConvolution(const ConvolutionRequest& request)
      : StemRowsConvolution(request, std::min(kItemRows, request.shape.p)) {}

  const char* algorithm() const override { return "stem"; }
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
  return std::make_unique<StemConvolution>(request);
}

}  // namespace fusor::cpu
