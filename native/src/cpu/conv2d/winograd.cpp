// Winograd convolution: weight transform, and how tiles, channels and weight panels are shared out. The
// arithmetic is in winograd.simd.cpp.
#include <algorithm>
#include <cmath>

#include "cpu/conv2d/algorithm.h"

namespace fusor::cpu {
namespace {

// Tiles of a block. AVX-512 multiplies so fast that weights past this size, which every block streams anew,
// need a larger block to hide behind (256 channels: 14, 28, 56 tiles take 0.77, 0.57, 0.53 ms an image),
// although the transformed input then fills an L2 of 2 MB. Weights that stay in L2 themselves leave it room
// for one register tile (64 channels at 56 pixels on Zen 5: 14, 28 tiles take 0.339, 0.359 ms). AVX2 is flat
// from 12 to 36, in 512 KB as in 2 MB.
constexpr int64_t kSmallWeights = 1 << 20, kLargeWeights = 4 << 20;
int64_t block_tiles(const KernelSet& kernels, int64_t weight_bytes) {
  if (kernels.lanes < 16) return 24;
  return weight_bytes < kSmallWeights ? 14 : weight_bytes < kLargeWeights ? 28 : 56;
}
// Up to so many tiles all of them are one block; each thread then streams its part of the weights instead of
// all of them.
constexpr int64_t kMostSharedTiles = 36;
// Up to so many threads each transforms the whole of such a block for itself: that takes 7 to 9 microseconds,
// reading what another core has just written more. 2 threads on cores that share no cache, 512 channels at 7
// pixels: 0.44 ms with one transformed input, 0.39 with two; 256 channels at 14 pixels: 0.34 and 0.30.
constexpr int kMostOwnInputs = 4;
// One line between the points, so that the 36 stores of a tile do not meet in one set of L1.
constexpr int64_t kSkew = 16;

// The three taps' weights at the points of one dimension: rows of G, made as winograd_transforms.h says.
template <int kPoints>
struct WeightTransform {
  double g[kPoints][3] = {};

  // Row `point` is `finite`, on taps `first`, first + step, ...
  void set_finite(int row, const double* points, int count, int index, int first, int step) {
    double scale = 1, power = 1;
    for (int j = 0; j < count; ++j)
      if (j != index) scale *= points[index] - points[j];
    for (int tap = first; tap < 3; tap += step, power *= points[index]) g[row][tap] = power / scale;
  }
};

struct F4 {
  static constexpr int kTile = 4, kPoints = 6, kStride = 1;
  static constexpr const char* kName = "winograd f4";
  static const ConvolutionKernels::Winograd& kernels(const ConvolutionKernels& k) { return k.winograd4; }
  static WeightTransform<kPoints> weights() {
    const double a = std::sqrt(0.5), b = std::sqrt(2.0), points[] = {0, a, -a, b, -b};
    WeightTransform<kPoints> t;
    for (int i = 0; i < 5; ++i) t.set_finite(i, points, 5, i, 0, 1);
    t.g[5][2] = 1;
    return t;
  }
};

struct F3 {
  static constexpr int kTile = 3, kPoints = 5, kStride = 1;
  static constexpr const char* kName = "winograd f3";
  static const ConvolutionKernels::Winograd& kernels(const ConvolutionKernels& k) { return k.winograd3; }
  static WeightTransform<kPoints> weights() {
    const double points[] = {0.5, -0.5, 1.25, -1.25};
    WeightTransform<kPoints> t;
    for (int i = 0; i < 4; ++i) t.set_finite(i, points, 4, i, 0, 1);
    t.g[4][2] = 1;
    return t;
  }
};

struct F2 {
  static constexpr int kTile = 2, kPoints = 4, kStride = 1;
  static constexpr const char* kName = "winograd f2";
  static const ConvolutionKernels::Winograd& kernels(const ConvolutionKernels& k) { return k.winograd2; }
  // In Winograd's own scaling, which goes with the signs of its transforms.
  static WeightTransform<kPoints> weights() { return {{{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}}}; }
};

struct StridedF4 {
  static constexpr int kTile = 4, kPoints = 9, kStride = 2;
  static constexpr const char* kName = "winograd f4 strided";
  static const ConvolutionKernels::Winograd& kernels(const ConvolutionKernels& k) {
    return k.winograd4_strided;
  }
  static WeightTransform<kPoints> weights() {
    const double points[] = {0.5, -0.5, 1.25, -1.25};
    WeightTransform<kPoints> t;
    for (int i = 0; i < 4; ++i) t.set_finite(i, points, 4, i, 0, 2);
    t.g[4][2] = 1;
    for (int i = 5; i < kPoints; ++i) t.g[i][1] = 1;
    return t;
  }
};

struct StridedF2 {
  static constexpr int kTile = 2, kPoints = 5, kStride = 2;
  static constexpr const char* kName = "winograd f2 strided";
  static const ConvolutionKernels::Winograd& kernels(const ConvolutionKernels& k) {
    return k.winograd2_strided;
  }
  static WeightTransform<kPoints> weights() {
    return {{{1, 0, 0}, {1, 0, 1}, {0, 0, 1}, {0, 1, 0}, {0, 1, 0}}};
  }
};

template <class Scheme>
class WinogradConvolution final : public ConvolutionBase {
 public:
  explicit WinogradConvolution(const ConvolutionRequest& request)
      : ConvolutionBase(request),
        tiles_high_(ceil_divide(shape_.p, M)),
        tiles_wide_(ceil_divide(shape_.q, M)),
        tiles_(shape_.n * tiles_high_ * tiles_wide_),
        panels_(ceil_divide(output_blocks_, kPanelVectors)),
        wino_(Scheme::kernels(*kernels_.convolution)) {
    pack(request);
  }

  Halo input_halo() const override {
    // Whole tiles are read, also where they hang over the edge.
    const auto past = [](int64_t tiles, int64_t padding, int64_t size) {
      return static_cast<int32_t>(
          std::max<int64_t>(0, (tiles - 1) * M * Scheme::kStride + kSize - padding - size));
    };
    return {shape_.padding[0], past(tiles_high_, shape_.padding[0], shape_.h), shape_.padding[2],
            past(tiles_wide_, shape_.padding[2], shape_.w)};
  }
  const char* algorithm() const override { return Scheme::kName; }
  int64_t workspace_bytes(int threads) const override {
    const Division division = divide(threads);
    return (inputs(division, threads) * v_floats(division) + threads * m_floats(division)) *
           static_cast<int64_t>(sizeof(float));
  }

  void run(Pool& pool, int threads, const Arguments& arguments) const override {
    if (empty()) return;
    const Division division = divide(threads);
    const BlockedShape& in = arguments.input.shape;
    WinogradBlock common{};
    common.tiles_high = tiles_high_;
    common.tiles_wide = tiles_wide_;
    common.input = arguments.input.at(0, 0, -shape_.padding[0], -shape_.padding[2]);
    common.input_image = in.image_stride();
    common.input_block = in.block_stride();
    common.input_row = in.row_stride();
    common.input_blocks = input_blocks_;
    common.channels = shape_.c;
    common.block_end = input_blocks_;
    common.v_point = v_point(division);
    common.weights = weights_.data();
    common.panel_end = panels_;
    common.output_blocks = output_blocks_;
    common.m_point = m_point(division);
    common.height = shape_.p;
    common.width = shape_.q;
    common.output_image = arguments.output.shape.image_stride();
    common.residual_image = arguments.residual ? arguments.residual->shape.image_stride() : 0;
    common.target = target(arguments, 0);
    float* v = static_cast<float*>(arguments.workspace);
    float* m = v + inputs(division, threads) * v_floats(division);

    if (division.shared) {
      common.tile_end = tiles_;
      common.v = v;
      WorkShares input_shares(input_blocks_, threads), panel_shares(panels_, threads);
      pool.share(threads, [&](Team& team) {
        WinogradBlock block = common;
        block.m = m + team.thread() * m_floats(division);
        if (inputs(division, threads) > 1) {
          block.v = v + team.thread() * v_floats(division);
          wino_.transform_input(block);
        } else {
          for (int64_t item; (item = input_shares.take(team)) >= 0;) {
            block.block_begin = item;
            block.block_end = item + 1;
            wino_.transform_input(block);
          }
          team.barrier();
        }
        for (int64_t item; (item = panel_shares.take(team)) >= 0;) {
          block.panel_begin = item;
          block.panel_end = item + 1;
          wino_.multiply_and_transform_output(block);
        }
      });
    } else {
      WorkShares shares(division.blocks, threads);
      pool.share(threads, [&](const Team& team) {
        WinogradBlock block = common;
        block.v = v + team.thread() * v_floats(division);
        block.m = m + team.thread() * m_floats(division);
        for (int64_t item; (item = shares.take(team)) >= 0;) {
          block.tile_begin = tiles_ * item / division.blocks;
          block.tile_end = tiles_ * (item + 1) / division.blocks;
          wino_.transform_input(block);
          wino_.multiply_and_transform_output(block);
        }
      });
    }
  }

 private:
  static constexpr int M = Scheme::kTile, kSize = Scheme::kPoints, kPoints = kSize * kSize;

  // How tiles are shared out. Results do not depend on it.
  struct Division {
    bool shared;
    int64_t blocks, most_tiles;  // in a block
  };

  Division divide(int threads) const {
    if (tiles_ <= kMostSharedTiles) return {true, 1, tiles_};
    // Also where threads are so many that none gets a full register tile.
    if (tiles_ < threads * tile_pixels(kernels_.registers) && panels_ >= threads) return {true, 1, tiles_};
    int64_t blocks = ceil_divide(tiles_, block_tiles(kernels_, weights_.bytes()));
    // Few blocks come in whole rounds of the threads.
    if (blocks < 4 * threads) blocks = std::min(tiles_, ceil_divide(blocks, threads) * threads);
    return {false, blocks, ceil_divide(tiles_, blocks)};
  }
  // Transformed inputs that there are at a time.
  static int64_t inputs(const Division& division, int threads) {
    return division.shared && threads > kMostOwnInputs ? 1 : threads;
  }
  int64_t v_point(const Division& division) const {
    return division.most_tiles * input_blocks_ * lanes() + kSkew;
  }
  int64_t m_point(const Division& division) const {
    return division.most_tiles * kPanelVectors * lanes() + kSkew;
  }
  int64_t v_floats(const Division& division) const { return kPoints * v_point(division) + kSkew; }
  int64_t m_floats(const Division& division) const { return kPoints * m_point(division) + kSkew; }

  void pack(const ConvolutionRequest& request) {
    const WeightTransform<kSize> transform = Scheme::weights();
    const auto& g = transform.g;
    const int64_t L = lanes(), c = shape_.c;
    weights_ = PackedFloats(output_blocks_ * L * kPoints * c, request.memory);
    const int threads =
        static_cast<int>(std::clamp<int64_t>(weights_.bytes() >> 18, 1, request.pool.threads()));
    parallel_for(request.pool, threads, panels_, [&](int64_t panel) {
      const int64_t first = panel * kPanelVectors,
                    width = std::min<int64_t>(kPanelVectors, output_blocks_ - first) * L;
      float* to = weights_.data() + first * L * kPoints * c;
      for (int64_t channel = 0; channel < c; ++channel)
        for (int64_t k = first * L; k < std::min(first * L + width, shape_.k); ++k) {
          const float* w = request.weight + (k * c + channel) * 9;
          double rows[kSize][3];
          for (int i = 0; i < kSize; ++i)
            for (int j = 0; j < 3; ++j) rows[i][j] = g[i][0] * w[j] + g[i][1] * w[3 + j] + g[i][2] * w[6 + j];
          for (int i = 0; i < kSize; ++i)
            for (int j = 0; j < kSize; ++j)
              to[((i * kSize + j) * c + channel) * width + k - first * L] =
                  static_cast<float>(rows[i][0] * g[j][0] + rows[i][1] * g[j][1] + rows[i][2] * g[j][2]);
        }
    });
  }

  int64_t tiles_high_, tiles_wide_, tiles_, panels_;
  ConvolutionKernels::Winograd wino_;
};

bool winograd_shape(const ConvolutionShape& s, int stride) {
  return s.r == 3 && s.s == 3 && s.stride[0] == stride && s.stride[1] == stride && s.dilation[0] == 1 &&
         s.dilation[1] == 1 && s.groups == 1;
}

}  // namespace

bool winograd_fits(const KernelSet&, const ConvolutionShape& shape) {
  return winograd_shape(shape, 1);
}
bool winograd_strided_fits(const KernelSet&, const ConvolutionShape& shape) {
  return winograd_shape(shape, 2);
}
std::unique_ptr<Convolution> make_winograd4(const ConvolutionRequest& request) {
  return std::make_unique<WinogradConvolution<F4>>(request);
}
std::unique_ptr<Convolution> make_winograd3(const ConvolutionRequest& request) {
  return std::make_unique<WinogradConvolution<F3>>(request);
}
std::unique_ptr<Convolution> make_winograd2(const ConvolutionRequest& request) {
  return std::make_unique<WinogradConvolution<F2>>(request);
}
std::unique_ptr<Convolution> make_winograd4_strided(const ConvolutionRequest& request) {
  return std::make_unique<WinogradConvolution<StridedF4>>(request);
}
std::unique_ptr<Convolution> make_winograd2_strided(const ConvolutionRequest& request) {
  return std::make_unique<WinogradConvolution<StridedF2>>(request);
}

}  // namespace fusor::cpu
