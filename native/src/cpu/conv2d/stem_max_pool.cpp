#include "cpu/conv2d/stem_max_pool.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "cpu/pool2d/pool2d.h"

namespace fusor::cpu {
namespace {

// Pooled rows of an item: of a 7x7/2 stem and a 3x3/2 pool of 64 channels at 224 pixels two take five rows of
// the convolution, 143 KB. The rows that two items share are kept, so that a thread computes only those
// again where its share begins.
constexpr int64_t kItemRows = 2;

// Of them and their vectors of channels at most half an L2 of 512 KB.
constexpr int64_t kMostRowsBytes = 256 * 1024;

struct Rows {
  int64_t begin = 0, end = 0;
};

// Rows of the convolution that are in the windows of the pooled rows begin to end.
Rows rows_under(const std::vector<PoolWindow>& windows, int64_t begin, int64_t end) {
  Rows rows;
  for (int64_t y = begin; y < end; ++y) {
    const PoolWindow& window = windows[static_cast<size_t>(y)];
    if (window.count == 0) continue;
    if (rows.end == 0) rows.begin = window.start;
    rows.end = window.start + window.count;
  }
  return rows;
}

std::vector<PoolWindow> windows_along(const MaxPool& pooling, int axis, int64_t outputs, int64_t inputs) {
  std::vector<PoolWindow> windows;
  for (int64_t i = 0; i < outputs; ++i) windows.push_back(pool_window(pooling.attributes, axis, i, inputs));
  return windows;
}

// Of the convolution, under the pooled rows of any item.
int64_t most_rows(const std::vector<PoolWindow>& windows) {
  const int64_t height = static_cast<int64_t>(windows.size());
  int64_t most = 1;
  for (int64_t y = 0; y < height; y += kItemRows) {
    const Rows rows = rows_under(windows, y, std::min(height, y + kItemRows));
    most = std::max(most, rows.end - rows.begin);
  }
  return most;
}

class StemMaxPoolConvolution final : public StemRowsConvolution {
 public:
  StemMaxPoolConvolution(const ConvolutionRequest& request, StemMethod method, const MaxPool& pooling,
                         std::vector<PoolWindow> rows)
      : StemRowsConvolution(request, method, most_rows(rows)),
        most_rows_(most_rows(rows)),
        rows_(std::move(rows)),
        columns_(windows_along(pooling, 1, pooling.q, shape_.q)) {
    fill_empty_maximum(empty_full_, lanes(), lanes());
    fill_empty_maximum(empty_last_, lanes(), shape_.k - (output_blocks_ - 1) * lanes());
  }

  const char* algorithm() const override {
    return method_ == StemMethod::Sums ? "stem + max-pool" : "winograd stem + max-pool";
  }
  int64_t workspace_bytes(int threads) const override {
    return (taps_floats() + threads * (copy_floats() + rows_floats())) * static_cast<int64_t>(sizeof(float));
  }

  void run(Pool& pool, int threads, const Arguments& arguments) const override {
    if (empty()) return;
    const ConvolutionShape& s = shape_;
    int64_t* taps = static_cast<int64_t*>(arguments.workspace);
    write_taps(taps);
    float* memory = static_cast<float*>(arguments.workspace) + taps_floats();
    const int64_t height = static_cast<int64_t>(rows_.size()), items = ceil_divide(height, kItemRows);
    WorkShares shares(s.n * items, threads);
    pool.share(threads, [&](const Team& team) {
      float* copy = memory + team.thread() * (copy_floats() + rows_floats());
      float* computed = copy + copy_floats();
      Rows held;
      int64_t held_image = -1;
      for (int64_t item; (item = shares.take(team)) >= 0;) {
        const int64_t image = item / items, begin = item % items * kItemRows;
        const int64_t end = std::min(height, begin + kItemRows);
        const Rows needed = rows_under(rows_, begin, end);
        int64_t from = needed.begin;
        if (image == held_image && held.begin <= needed.begin && needed.begin < held.end) {
          from = std::min(held.end, needed.end);
          keep(computed, needed.begin - held.begin, from - needed.begin);
        }
        if (from < needed.end) {
          ConvolutionTarget target = this->target(arguments, image);
          target.output = computed - needed.begin * row_floats();
          target.output_row = row_floats();
          target.output_block = block_floats();
          compute_rows(arguments.planar + image * s.c * s.h * s.w, taps, copy, from, needed.end, target);
        }
        held = needed, held_image = image;
        for (int64_t y = begin; y < end; ++y)
          for (int64_t block = 0; block < output_blocks_; ++block)
            pool_row(computed + block * block_floats(), needed.begin, y, block,
                     arguments.output.at(image, block, y, 0));
      }
    });
  }

 private:
  int64_t row_floats() const { return shape_.q * lanes(); }
  int64_t block_floats() const { return most_rows_ * row_floats(); }
  int64_t rows_floats() const { return output_blocks_ * block_floats(); }

  // Pooled row `y` of one block, whose rows of the convolution begin with `first`.
  void pool_row(const float* computed, int64_t first, int64_t y, int64_t block, float* output) const {
    PoolRow row{};
    row.rows = rows_[static_cast<size_t>(y)];
    row.source = row.rows.count ? computed + (row.rows.start - first) * row_floats() : computed;
    row.row_step = row_floats();
    row.column_step = lanes();
    row.columns = columns_.data();
    row.width = static_cast<int64_t>(columns_.size());
    row.empty = block + 1 < output_blocks_ ? empty_full_ : empty_last_;
    row.output = output;
    kernels_.pool2d->max_row(row);
  }

  // Brings `count` rows from `first` on to the front of every block.
  void keep(float* computed, int64_t first, int64_t count) const {
    if (first == 0) return;
    for (int64_t block = 0; block < output_blocks_; ++block) {
      float* to = computed + block * block_floats();
      std::memmove(to, to + first * row_floats(), static_cast<size_t>(count * row_floats()) * sizeof(float));
    }
  }

  int64_t most_rows_;
  std::vector<PoolWindow> rows_, columns_;
  static constexpr int kMostLanes = 16;
  float empty_full_[kMostLanes], empty_last_[kMostLanes];
};

}  // namespace

bool stem_max_pool_fits(const KernelSet& kernels, const ConvolutionShape& shape, const MaxPool& pooling) {
  const int64_t channels = ceil_divide(shape.k, kernels.lanes) * kernels.lanes;
  return stem_fits(kernels, shape) && most_rows(windows_along(pooling, 0, pooling.p, shape.p)) * shape.q *
                                              channels * static_cast<int64_t>(sizeof(float)) <=
                                          kMostRowsBytes;
}

std::unique_ptr<Convolution> make_stem_max_pool(const ConvolutionRequest& request, StemMethod method,
                                                const MaxPool& pooling) {
  try {
    return std::make_unique<StemMaxPoolConvolution>(request, method, pooling,
                                                    windows_along(pooling, 0, pooling.p, request.shape.p));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace fusor::cpu
