// Convolution of few input channels, from planes: packing, and the padded copies of a few rows that the
// kernel (stem.simd.cpp) reads.
#include <algorithm>
#include <cstring>

#include "cpu/conv2d/algorithm.h"

namespace fusor::cpu {
namespace {

// Above this a block of channels is no longer mostly padding.
constexpr int64_t kMostChannels = 4;
// Output rows of an item. Fewer copy the overlap of the kernel's rows more often, more fill L2.
constexpr int64_t kItemRows = 4;

class StemConvolution final : public ConvolutionBase {
 public:
  explicit StemConvolution(const ConvolutionRequest& request) : ConvolutionBase(request) {
    const ConvolutionShape& s = shape_;
    item_rows_ = std::min(kItemRows, s.p);
    buffer_rows_ = (item_rows_ - 1) * s.stride[0] + (s.r - 1) * s.dilation[0] + 1;
    buffer_width_ = ceil_divide((s.q - 1) * s.stride[1] + (s.s - 1) * s.dilation[1] + 1, 16) * 16;
    taps_ = s.c * s.r * s.s;
    pack(request);
  }

  InputForm input_form() const override { return InputForm::Planar; }
  Halo input_halo() const override { return {}; }
  const char* algorithm() const override { return "stem"; }
  int64_t workspace_bytes(int threads) const override {
    return (taps_floats() + threads * buffer_floats()) * static_cast<int64_t>(sizeof(float));
  }

  void run(Pool& pool, int threads, const Arguments& arguments) const override {
    if (empty()) return;
    const ConvolutionShape& s = shape_;
    int64_t* taps = static_cast<int64_t*>(arguments.workspace);
    int64_t* tap = taps;
    for (int64_t c = 0; c < s.c; ++c)
      for (int64_t y = 0; y < s.r; ++y)
        for (int64_t x = 0; x < s.s; ++x)
          *tap++ = (c * buffer_rows_ + y * s.dilation[0]) * buffer_width_ + x * s.dilation[1];

    StemRows common{};
    common.row_step = s.stride[0] * buffer_width_;
    common.column_step = s.stride[1];
    common.width = s.q;
    common.taps = taps;
    common.tap_count = taps_;
    common.weights = weights_.data();
    common.output_blocks = output_blocks_;
    float* buffers = static_cast<float*>(arguments.workspace) + taps_floats();
    const int64_t chunks = ceil_divide(s.p, item_rows_);
    WorkShares shares(s.n * chunks, threads);
    pool.share(threads, [&](const Team& team) {
      float* buffer = buffers + team.thread() * buffer_floats();
      for (int64_t item; (item = shares.take(team)) >= 0;) {
        const int64_t image = item / chunks, begin = item % chunks * item_rows_;
        copy_rows(arguments.planar + image * s.c * s.h * s.w, begin * s.stride[0] - s.padding[0], buffer);
        StemRows rows = common;
        rows.input = buffer;
        rows.row_begin = begin;
        rows.row_end = std::min(s.p, begin + item_rows_);
        rows.target = target(arguments, image);
        kernels_.convolution->stem(rows);
      }
    });
  }

 private:
  // The image's rows from `first` on, all channels, with zeros where they lie outside.
  void copy_rows(const float* image, int64_t first, float* buffer) const {
    const ConvolutionShape& s = shape_;
    const int64_t left = std::min<int64_t>(s.padding[2], buffer_width_),
                  inside = std::min(s.w, buffer_width_ - left);
    const auto bytes = [](int64_t floats) { return static_cast<size_t>(floats) * sizeof(float); };
    for (int64_t c = 0; c < s.c; ++c)
      for (int64_t i = 0; i < buffer_rows_; ++i, buffer += buffer_width_) {
        const int64_t y = first + i;
        if (y < 0 || y >= s.h) {
          std::memset(buffer, 0, bytes(buffer_width_));
          continue;
        }
        std::memset(buffer, 0, bytes(left));
        std::memcpy(buffer + left, image + (c * s.h + y) * s.w, bytes(inside));
        std::memset(buffer + left + inside, 0, bytes(buffer_width_ - left - inside));
      }
  }

  // [panel][tap][vector][L]
  void pack(const ConvolutionRequest& request) {
    const int64_t L = lanes();
    weights_ = PackedFloats(output_blocks_ * L * taps_);
    for (int64_t k = 0; k < shape_.k; ++k) {
      const int64_t first = k / L / kPanelVectors * kPanelVectors;
      const int64_t width = std::min<int64_t>(kPanelVectors, output_blocks_ - first) * L;
      float* to = weights_.data() + first * L * taps_ + k - first * L;
      for (int64_t tap = 0; tap < taps_; ++tap) to[tap * width] = request.weight[k * taps_ + tap];
    }
  }

  int64_t taps_floats() const { return ceil_divide(taps_ * 2, 16) * 16; }
  // One line more, so that the threads' buffers do not lie at the same addresses modulo 4 KB.
  int64_t buffer_floats() const { return shape_.c * buffer_rows_ * buffer_width_ + 16; }

  int64_t item_rows_, buffer_rows_, buffer_width_, taps_;
};

}  // namespace

bool stem_fits(const KernelSet&, const ConvolutionShape& shape) {
  return shape.groups == 1 && shape.c <= kMostChannels;
}
std::unique_ptr<Convolution> make_stem(const ConvolutionRequest& request) {
  return std::make_unique<StemConvolution>(request);
}

}  // namespace fusor::cpu
