// Grouped and depthwise convolution: which input lanes each output lane needs, packing, and the sharing out
// of rows. The arithmetic is in grouped.simd.cpp.
#include <algorithm>
#include <vector>

#include "cpu/conv2d/algorithm.h"

namespace fusor::cpu {
namespace {

// Output of an item, so that its input rows stay in L1 or L2 between the blocks' kernels.
constexpr int64_t kItemBytes = 32 * 1024;

class GroupedBase : public ConvolutionBase {
 public:
  Halo input_halo() const override { return reached_halo(); }
  int64_t workspace_bytes(int) const override {
    return shape_.r * shape_.s * static_cast<int64_t>(sizeof(int64_t));
  }

 protected:
  using ConvolutionBase::ConvolutionBase;

  // Fills the block's sources and weights in.
  virtual void describe(GroupedRows& rows, int64_t block) const = 0;

  void run_rows(Pool& pool, int threads, const Arguments& arguments,
                void (*kernel)(const GroupedRows&)) const {
    if (empty()) return;
    const ConvolutionShape& s = shape_;
    const BlockedShape& in = arguments.input.shape;
    int64_t* taps = static_cast<int64_t*>(arguments.workspace);
    for (int64_t y = 0; y < s.r; ++y)
      for (int64_t x = 0; x < s.s; ++x)
        taps[y * s.s + x] = y * s.dilation[0] * in.row_stride() + x * s.dilation[1] * lanes();
    const int64_t item_rows = std::clamp<int64_t>(kItemBytes / (s.q * lanes() * 4), 1, s.p);
    const int64_t chunks = ceil_divide(s.p, item_rows);
    // A thread has the same rows of all blocks, as in the other convolutions.
    parallel_for(pool, threads, s.n * chunks * output_blocks_, [&](int64_t item) {
      const int64_t block = item % output_blocks_, chunk = item / output_blocks_ % chunks;
      const int64_t image = item / output_blocks_ / chunks;
      GroupedRows rows{};
      rows.input = arguments.input.at(image, 0, -s.padding[0], -s.padding[2]);
      rows.row_step = s.stride[0] * in.row_stride();
      rows.column_step = s.stride[1] * int64_t{lanes()};
      rows.input_block = in.block_stride();
      rows.row_begin = chunk * item_rows;
      rows.row_end = std::min(s.p, rows.row_begin + item_rows);
      rows.width = s.q;
      rows.taps = taps;
      rows.tap_count = s.r * s.s;
      rows.block = block;
      rows.target = target(arguments, image);
      describe(rows, block);
      kernel(rows);
    });
  }
};

class DepthwiseConvolution final : public GroupedBase {
 public:
  explicit DepthwiseConvolution(const ConvolutionRequest& request) : GroupedBase(request) {
    const int64_t L = lanes(), taps = shape_.r * shape_.s;
    weights_ = PackedFloats(output_blocks_ * taps * L, request.memory);
    for (int64_t k = 0; k < shape_.k; ++k)
      for (int64_t t = 0; t < taps; ++t)
        weights_.data()[(k / L * taps + t) * L + k % L] = request.weight[k * taps + t];
  }
  const char* algorithm() const override { return "depthwise"; }
  void run(Pool& pool, int threads, const Arguments& arguments) const override {
    run_rows(pool, threads, arguments, kernels_.convolution->depthwise);
  }

 private:
  void describe(GroupedRows& rows, int64_t block) const override {
    rows.weights = weights_.data() + block * shape_.r * shape_.s * lanes();
  }
};

class GroupedConvolution final : public GroupedBase {
 public:
  explicit GroupedConvolution(const ConvolutionRequest& request) : GroupedBase(request) {
    find_terms(request.memory);
    pack(request);
  }
  const char* algorithm() const override { return "grouped"; }
  int64_t packed_bytes() const override {
    return ConvolutionBase::packed_bytes() + static_cast<int64_t>(lanes_.size() * sizeof(int32_t));
  }
  void run(Pool& pool, int threads, const Arguments& arguments) const override {
    run_rows(pool, threads, arguments, kernels_.convolution->grouped);
  }

 private:
  struct Block {
    int64_t first_source, sources, weights;  // weights: offset of the block's first
  };

  // Input channel of output channel k's product number j.
  int64_t channel(int64_t k, int64_t j) const {
    return k / (shape_.k / shape_.groups) * (shape_.c / shape_.groups) + j;
  }

  // Terms of a block: every pair of j and input block that serves a lane, those of one input block together.
  void find_terms(PackedMemory* memory) {
    const int64_t L = lanes(), channels = shape_.c / shape_.groups;
    int64_t weights = 0;
    for (int64_t block = 0; block < output_blocks_; ++block) {
      const int64_t first = block * L, last = std::min(first + L, shape_.k) - 1;
      blocks_.push_back({static_cast<int64_t>(sources_.size()), 0, weights});
      for (int64_t from = channel(first, 0) / L; from <= channel(last, channels - 1) / L; ++from) {
        GroupedSource source{};
        source.block = from;
        source.first_term = static_cast<int32_t>(term_j_.size());
        source.whole = true;
        for (int64_t j = 0; j < channels; ++j) {
          int64_t served = 0;
          for (int64_t k = first; k <= last; ++k) served += channel(k, j) / L == from;
          if (served == 0) continue;
          // Lanes past k have zero weights, and are zeroed at the end.
          source.whole &= served == last - first + 1;
          term_j_.push_back(j);
          const size_t at = lanes_.size();
          lanes_.resize(at + static_cast<size_t>(2 * L));
          for (int64_t k = first; k <= last; ++k)
            if (channel(k, j) / L == from) {
              lanes_[at + static_cast<size_t>(k - first)] = static_cast<int32_t>(channel(k, j) % L);
              lanes_[at + static_cast<size_t>(L + k - first)] = -1;
            }
          ++source.terms;
        }
        if (source.terms == 0) continue;
        sources_.push_back(source);
        ++blocks_.back().sources;
        weights += source.terms * shape_.r * shape_.s * L;
      }
    }
    weights_ = PackedFloats(weights, memory);
  }

  // [block][source][tap][term][L]
  void pack(const ConvolutionRequest& request) {
    const int64_t L = lanes(), taps = shape_.r * shape_.s, channels = shape_.c / shape_.groups;
    float* to = weights_.data();
    for (int64_t block = 0; block < output_blocks_; ++block)
      for (int64_t i = 0; i < blocks_[static_cast<size_t>(block)].sources; ++i) {
        const GroupedSource& source =
            sources_[static_cast<size_t>(blocks_[static_cast<size_t>(block)].first_source + i)];
        for (int64_t tap = 0; tap < taps; ++tap)
          for (int64_t term = source.first_term; term < source.first_term + source.terms; ++term, to += L) {
            const int64_t j = term_j_[static_cast<size_t>(term)];
            for (int64_t lane = 0; lane < L; ++lane)
              if (lanes_[static_cast<size_t>(term * 2 * L + L + lane)])
                to[lane] = request.weight[((block * L + lane) * channels + j) * taps + tap];
          }
      }
  }

  void describe(GroupedRows& rows, int64_t block) const override {
    const Block& b = blocks_[static_cast<size_t>(block)];
    rows.sources = sources_.data() + b.first_source;
    rows.source_count = static_cast<int32_t>(b.sources);
    rows.lanes = lanes_.data();
    rows.weights = weights_.data() + b.weights;
  }

  std::vector<Block> blocks_;
  std::vector<GroupedSource> sources_;
  std::vector<int64_t> term_j_;
  std::vector<int32_t> lanes_;
};

}  // namespace

bool depthwise_fits(const KernelSet&, const ConvolutionShape& s) {
  return s.groups == s.c && s.groups == s.k;
}
std::unique_ptr<Convolution> make_depthwise(const ConvolutionRequest& request) {
  return std::make_unique<DepthwiseConvolution>(request);
}
bool grouped_fits(const KernelSet& kernels, const ConvolutionShape& s) {
  return s.groups > 1 && !depthwise_fits(kernels, s);
}
std::unique_ptr<Convolution> make_grouped(const ConvolutionRequest& request) {
  return std::make_unique<GroupedConvolution>(request);
}

}  // namespace fusor::cpu
