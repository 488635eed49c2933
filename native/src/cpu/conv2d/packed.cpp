#include "cpu/conv2d/packed.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "cpu/memory/pages.h"

namespace fusor::cpu {
namespace {

// What of a piece is not used is never touched, so it costs addresses only.
constexpr int64_t kPieceBytes = 16 * kHugePage;
// Kernels may prefetch and a vector may read a little past the end; and weights do not share a line.
constexpr int64_t kPastEnd = 64, kLineFloats = 16;

// Below this the heap serves: pages would be mapped for a few vectors.
constexpr int64_t kLeastMapped = 64 << 10;

std::shared_ptr<float> zeroed_floats(int64_t floats) {
  const int64_t bytes = floats * static_cast<int64_t>(sizeof(float));
  void* const memory =
      bytes < kLeastMapped ? std::aligned_alloc(64, static_cast<size_t>(bytes)) : map_pages(bytes);
  if (!memory) throw std::bad_alloc();
  if (bytes < kLeastMapped) {
    std::memset(memory, 0, static_cast<size_t>(bytes));
    return {static_cast<float*>(memory), std::free};
  }
  // Should there be no memory for the count of owners, the deleter is called.
  return {static_cast<float*>(memory), [bytes](float* data) { unmap_pages(data, bytes); }};
}

int64_t padded(int64_t floats) {
  return (floats + kPastEnd + kLineFloats - 1) / kLineFloats * kLineFloats;
}

}  // namespace

std::shared_ptr<float> PackedMemory::take(int64_t floats) {
  const int64_t wanted = padded(floats);
  if (wanted > free_) {
    const int64_t size = std::max(wanted, kPieceBytes / static_cast<int64_t>(sizeof(float)));
    piece_ = zeroed_floats(size);
    free_ = size;
    used_ = 0;
  }
  std::shared_ptr<float> taken(piece_, piece_.get() + used_);
  used_ += wanted;
  free_ -= wanted;
  return taken;
}

PackedFloats::PackedFloats(int64_t count, PackedMemory* memory)
    : data_(memory ? memory->take(count) : zeroed_floats(padded(count))), count_(count) {}

}  // namespace fusor::cpu
