#include "cpu/layout/convert.h"

#include <algorithm>
#include <cstring>

#include "cpu/copy/copy.h"
#include "cpu/geometry.h"
#include "cpu/layout/kernels.h"

namespace fusor::cpu {
namespace {

// Threads are worth waking from about 64 KB on.
constexpr int64_t kBytesPerThread = 64 * 1024;

int useful_threads(int threads, int64_t bytes) {
  return static_cast<int>(std::clamp<int64_t>(bytes / kBytesPerThread, 1, threads));
}

float* strided_data(const fusor_buffer& buffer) {
  return reinterpret_cast<float*>(static_cast<char*>(buffer.data) + buffer.byte_offset);
}

// Calls row(image, block, y) for all rows of all blocks.
template <class Row>
void for_each_row(Pool& pool, int threads, const BlockedShape& shape, Row&& row) {
  // Rows of all blocks of a few lines of one image make an item, so that a thread gets the same lines here
  // and in the convolutions around.
  const int64_t lines =
      std::max<int64_t>(1, 16 * 1024 / std::max<int64_t>(1, shape.blocks() * shape.row_stride() * 4));
  const int64_t chunks = (shape.h + lines - 1) / lines;
  WorkShares shares(shape.n * chunks, threads);
  pool.share(threads, [&](const Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t image = item / chunks, begin = item % chunks * lines,
                    end = std::min(begin + lines, shape.h);
      for (int64_t block = 0; block < shape.blocks(); ++block)
        for (int64_t y = begin; y < end; ++y) row(image, block, y);
    }
  });
}

int live_lanes(const BlockedShape& shape, int64_t block) {
  return static_cast<int>(std::min<int64_t>(shape.lanes, shape.c - block * shape.lanes));
}

void strided_to_blocked(const KernelSet& kernels, Pool& pool, int threads, const fusor_buffer& source,
                        const BlockedView& destination) {
  const int64_t* stride = source.strides;
  for_each_row(pool, threads, destination.shape, [&](int64_t image, int64_t block, int64_t y) {
    const float* row = strided_data(source) + image * stride[0] +
                       block * destination.shape.lanes * stride[1] + y * stride[2];
    kernels.layout->to_blocked_row(row, stride[1], stride[3], live_lanes(destination.shape, block),
                                   destination.shape.w, destination.at(image, block, y, 0));
  });
}

void blocked_to_strided(const KernelSet& kernels, Pool& pool, int threads, const BlockedView& source,
                        const fusor_buffer& destination) {
  const int64_t* stride = destination.strides;
  for_each_row(pool, threads, source.shape, [&](int64_t image, int64_t block, int64_t y) {
    float* row = strided_data(destination) + image * stride[0] + block * source.shape.lanes * stride[1] +
                 y * stride[2];
    kernels.layout->from_blocked_row(source.at(image, block, y, 0), stride[1], stride[3],
                                     live_lanes(source.shape, block), source.shape.w, row);
  });
}

void blocked_to_blocked(Pool& pool, int threads, const BlockedView& source, const BlockedView& destination) {
  const size_t bytes = static_cast<size_t>(source.shape.w * source.shape.lanes) * sizeof(float);
  for_each_row(pool, threads, source.shape, [&](int64_t image, int64_t block, int64_t y) {
    std::memcpy(destination.at(image, block, y, 0), source.at(image, block, y, 0), bytes);
  });
}

}  // namespace

fusor_status convert_layout(const KernelSet& kernels, Pool& pool, int threads, const fusor_buffer& source,
                            const fusor_buffer& destination) {
  const int64_t elements = element_count(source);
  if (elements == 0) return FUSOR_OK;
  threads = useful_threads(threads, elements * element_size(source.dtype));
  const bool from_blocked = source.layout == FUSOR_LAYOUT_BLOCKED,
             to_blocked = destination.layout == FUSOR_LAYOUT_BLOCKED;
  if (from_blocked && to_blocked)
    blocked_to_blocked(pool, threads, blocked_view(source), blocked_view(destination));
  else if (to_blocked)
    strided_to_blocked(kernels, pool, threads, source, blocked_view(destination));
  else if (from_blocked)
    blocked_to_strided(kernels, pool, threads, blocked_view(source), destination);
  else
    copy_strided(kernels, pool, threads, source, destination);
  return FUSOR_OK;
}

void zero_halo(const BlockedView& view) {
  const BlockedShape& shape = view.shape;
  if (shape.halo == Halo{}) return;
  const auto clear = [&](float* from, int64_t pixels) {
    std::memset(from, 0, static_cast<size_t>(pixels * shape.lanes) * sizeof(float));
  };
  const int64_t columns = shape.halo.left + shape.w + shape.halo.right;
  for (int64_t image = 0; image < shape.n; ++image)
    for (int64_t block = 0; block < shape.blocks(); ++block) {
      float* first = view.at(image, block, -shape.halo.top, -shape.halo.left);
      clear(first, shape.halo.top * columns);
      for (int64_t y = 0; y < shape.h; ++y) {
        clear(view.at(image, block, y, -shape.halo.left), shape.halo.left);
        clear(view.at(image, block, y, shape.w), shape.halo.right);
      }
      clear(view.at(image, block, shape.h, -shape.halo.left), shape.halo.bottom * columns);
    }
}

}  // namespace fusor::cpu
