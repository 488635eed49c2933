// Direct convolution: packing, and how pixels and weight panels are shared out. The arithmetic is in
// direct.simd.cpp.
#include <algorithm>

#include "cpu/conv2d/algorithm.h"

namespace fusor::cpu {
namespace {

// Weights of one pass over a block: at most half of a 32 KB or 48 KB L1.
constexpr int64_t kChunkBytes = 24 * 1024;
// Input of a block of pixels, in an L2 of 512 KB (AVX2) or 1 MB and more (AVX-512): a quarter of it, as the
// next block's joins it, but a half where weights fill the other half, as each block reads them all.
int64_t block_bytes(const KernelSet& kernels, int64_t weight_bytes) {
  const int64_t l2 = kernels.lanes == 16 ? 1024 * 1024 : 512 * 1024;
  return weight_bytes >= l2 / 2 ? l2 / 2 : l2 / 4;
}
// Threads take pixels, so that each keeps the activations that it wrote itself (a line that another core
// wrote takes 300 ns and more where cores share no cache), unless weights are so many more than activations
// that reading all of them costs more, or a thread's pixels so few that they do not hide the reading.
// 256 to 1024 channels at 14 pixels on 2 such cores: 0.41 ms by panels, 0.36 by pixels.
constexpr int64_t kWeightsPerActivation = 4;
constexpr int64_t kLeastThreadTiles = 2;
// Work items per thread, so that the last one finishing keeps the others waiting for a few percent at most.
constexpr int64_t kItemsPerThread = 12;

class DirectConvolution final : public ConvolutionBase {
 public:
  explicit DirectConvolution(const ConvolutionRequest& request) : ConvolutionBase(request) {
    const ConvolutionShape& s = shape_;
    group_channels_ = s.c / s.groups;
    group_outputs_ = s.k / s.groups;
    group_input_blocks_ = ceil_divide(group_channels_, lanes());
    group_output_blocks_ = ceil_divide(group_outputs_, lanes());
    panels_per_group_ = ceil_divide(group_output_blocks_, kPanelVectors);
    panels_ = panels_per_group_ * s.groups;
    tail_lanes_ = static_cast<int>(group_channels_ % lanes());
    taps_ = group_input_blocks_ * s.r * s.s;
    tail_taps_ = tail_lanes_ ? s.r * s.s : 0;
    pack(request);
  }

  Halo input_halo() const override { return reached_halo(); }
  const char* algorithm() const override { return shape_.r * shape_.s == 1 ? "pointwise" : "direct"; }
  int64_t workspace_bytes(int threads) const override {
    return (taps_floats() + threads * direct_scratch_floats(lanes())) * static_cast<int64_t>(sizeof(float));
  }

  void run(Pool& pool, int threads, const Arguments& arguments) const override {
    if (empty()) return;
    const ConvolutionShape& s = shape_;
    const BlockedShape& in = arguments.input.shape;
    int64_t* taps = static_cast<int64_t*>(arguments.workspace);
    float* scratch = static_cast<float*>(arguments.workspace) + taps_floats();
    int64_t* tap = taps;
    for (int64_t block = 0; block < group_input_blocks_; ++block)
      for (int64_t y = 0; y < s.r; ++y)
        for (int64_t x = 0; x < s.s; ++x)
          *tap++ =
              block * in.block_stride() + y * s.dilation[0] * in.row_stride() + x * s.dilation[1] * lanes();

    DirectBlock common{};
    common.row_step = s.stride[0] * in.row_stride();
    common.column_step = s.stride[1] * int64_t{lanes()};
    common.width = s.q;
    common.taps = taps;
    common.full_taps = taps_ - tail_taps_;
    common.tail_taps = tail_taps_;
    common.tail_lanes = tail_lanes_;
    const int vectors = group_output_blocks_ > 1 ? 2 : 1;
    const int64_t most_taps = kChunkBytes / (int64_t{4} * lanes() * lanes() * vectors);
    common.chunk_taps = ceil_divide(taps_, ceil_divide(taps_, most_taps));
    common.weights = weights_.data();
    common.panels_per_group = panels_per_group_;
    common.blocks_per_group = group_output_blocks_;
    common.group_input = group_input_blocks_ * in.block_stride();

    const Division division = divide(threads);
    const int64_t blocks = s.n * division.pixel_blocks, pixels = s.p * s.q;
    // Whether a thread's next item has the same pixels and the next panels.
    const bool panels_follow = division.panels_outer ? blocks == 1 : division.panel_groups > 1;
    WorkShares shares(blocks * division.panel_groups, threads);
    const auto input_of = [&](int64_t block) {
      return arguments.input.at(block / division.pixel_blocks, 0, -s.padding[0], -s.padding[2]);
    };
    const auto pixel_begin = [&](int64_t block) {
      return std::min(pixels, block % division.pixel_blocks * division.block_pixels);
    };
    const auto pixel_end = [&](int64_t block) {
      return std::min(pixels, pixel_begin(block) + division.block_pixels);
    };
    pool.share(threads, [&](const Team& team) {
      int64_t before = -1, announced = -1;
      for (int64_t item; (item = shares.take(team)) >= 0;) {
        const int64_t block = division.panels_outer ? item % blocks : item / division.panel_groups;
        const int64_t group = division.panels_outer ? item / blocks : item % division.panel_groups;
        const int64_t image = block / division.pixel_blocks;
        DirectBlock work = common;
        work.input = input_of(block);
        work.pixel_begin = pixel_begin(block);
        work.pixel_end = pixel_end(block);
        work.by_rows = division.by_rows;
        work.is_fetched = block == before || block == announced;
        const int64_t next_item = division.panels_outer ? item + 1 : (block + 1) * division.panel_groups;
        before = block;
        announced = block + 1 < blocks && shares.owns(team, next_item) ? block + 1 : -1;
        if (announced >= 0) {
          work.next_input = input_of(announced);
          work.next_begin = pixel_begin(announced);
          work.next_end = pixel_end(announced);
        }
        work.panel_begin = panels_ * group / division.panel_groups;
        work.panel_end = panels_ * (group + 1) / division.panel_groups;
        work.panels_ahead = panels_follow ? panels_ : work.panel_end;
        work.scratch = scratch + team.thread() * direct_scratch_floats(lanes());
        work.target = target(arguments, image);
        kernels_.convolution->direct(work);
      }
    });
  }

 private:
  // Which of the pixels and panels an item has. Sums do not depend on it.
  struct Division {
    int64_t block_pixels, pixel_blocks, panel_groups;
    bool by_rows;       // a block is whole rows, a tile neighbours of one row
    bool panels_outer;  // a thread's share is some panels of all pixels, not all panels of some pixels
  };

  Division divide(int threads) const {
    const ConvolutionShape& s = shape_;
    const int64_t pixels = s.p * s.q;
    const int64_t most_tile =
        group_output_blocks_ > 1 ? tile_pixels(kernels_.registers) : narrow_tile_pixels(kernels_.registers);
    const int64_t pixel_bytes = group_channels_ * 4 * s.stride[0] * s.stride[1];
    Division division;
    division.by_rows = kernels_.registers == 32 && s.stride[1] == 1 && s.q <= kMostBlockPixels &&
                       s.q / ceil_divide(s.q, tile_pixels(kernels_.registers)) >= kLeastRowPixels;
    const int64_t tile = division.by_rows ? s.q : most_tile;
    const auto whole_tiles = [&](int64_t count) { return ceil_divide(count, tile) * tile; };
    int64_t most = std::clamp(block_bytes(kernels_, weights_.bytes()) / pixel_bytes,
                              std::min(2 * tile, kMostBlockPixels), kMostBlockPixels) /
                   tile * tile;
    division.pixel_blocks = ceil_divide(pixels, most);
    division.block_pixels = division.pixel_blocks == 1
                                ? pixels
                                : std::min(most, whole_tiles(ceil_divide(pixels, division.pixel_blocks)));
    division.pixel_blocks = ceil_divide(pixels, division.block_pixels);
    division.panels_outer =
        kWeightsPerActivation * s.n * pixels * (s.c + s.k) < s.k * group_channels_ * s.r * s.s ||
        s.n * pixels < threads * kLeastThreadTiles * most_tile;
    if (!division.panels_outer && s.n < threads) {
      // As many blocks for each thread.
      const int64_t blocks = ceil_divide(division.pixel_blocks, threads) * threads;
      division.block_pixels = whole_tiles(ceil_divide(pixels, blocks));
      division.pixel_blocks = ceil_divide(pixels, division.block_pixels);
    }
    const int64_t wanted = threads == 1 ? 1 : kItemsPerThread * threads;
    division.panel_groups = std::clamp<int64_t>(ceil_divide(wanted, s.n * division.pixel_blocks), 1, panels_);
    return division;
  }

  void pack(const ConvolutionRequest& request) {
    const ConvolutionShape& s = shape_;
    const int64_t L = lanes();
    const int64_t channels = group_channels_ * s.r * s.s;
    weights_ = PackedFloats(s.groups * group_output_blocks_ * L * channels, request.memory);
    const int threads =
        static_cast<int>(std::clamp<int64_t>(weights_.bytes() >> 18, 1, request.pool.threads()));
    parallel_for(request.pool, threads, panels_, [&](int64_t panel) {
      const int64_t group = panel / panels_per_group_, in_group = panel % panels_per_group_ * kPanelVectors;
      const int64_t vectors = std::min<int64_t>(kPanelVectors, group_output_blocks_ - in_group);
      const int64_t first = in_group * L, outputs = std::min(vectors * L, group_outputs_ - first);
      float* to = weights_.data() + (group * group_output_blocks_ + in_group) * channels * L;
      const float* from = request.weight + (group * group_outputs_ + first) * channels;
      for (int64_t block = 0; block < group_input_blocks_; ++block)
        for (int64_t position = 0; position < s.r * s.s; ++position)
          for (int64_t c = block * L; c < std::min((block + 1) * L, group_channels_); ++c, to += vectors * L)
            for (int64_t k = 0; k < outputs; ++k) to[k] = from[k * channels + c * s.r * s.s + position];
    });
  }

  int64_t taps_floats() const { return ceil_divide(taps_ * 2, 16) * 16; }

  int64_t group_channels_, group_outputs_, group_input_blocks_, group_output_blocks_;
  int64_t panels_per_group_, panels_, taps_, tail_taps_;
  int tail_lanes_;
};

}  // namespace

bool direct_fits(const KernelSet& kernels, const ConvolutionShape& shape) {
  return shape.groups == 1 ||
         (shape.c / shape.groups % kernels.lanes == 0 && shape.k / shape.groups % kernels.lanes == 0);
}

std::unique_ptr<Convolution> make_direct(const ConvolutionRequest& request) {
  return std::make_unique<DirectConvolution>(request);
}

}  // namespace fusor::cpu
