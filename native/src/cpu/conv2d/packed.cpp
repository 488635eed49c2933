#include "cpu/conv2d/packed.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

#include "platform/memory.h"

namespace fusor::cpu {

// Lies before its floats.
class alignas(64) PackedPiece {
 public:
  // With one owner.
  static PackedPiece* make(int64_t floats) {
    const int64_t bytes =
        static_cast<int64_t>(sizeof(PackedPiece) + static_cast<size_t>(floats) * sizeof(float));
    const bool is_mapped = bytes >= kLeastMapped;
    void* const memory = is_mapped ? platform::map_pages(bytes) : platform::allocate_block(bytes);
    if (!memory) throw std::bad_alloc();
    if (!is_mapped) std::memset(memory, 0, static_cast<size_t>(bytes));
    return new (memory) PackedPiece(bytes);
  }
  float* floats() { return reinterpret_cast<float*>(this + 1); }
  void add_owner() { owners_.fetch_add(1, std::memory_order_relaxed); }
  void remove_owner() {
    if (owners_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    if (bytes_ >= kLeastMapped)
      platform::unmap_pages(this, bytes_);
    else
      platform::release_block(this);
  }

 private:
  // Below this the heap serves: pages would be mapped for a few vectors.
  static constexpr int64_t kLeastMapped = 64 << 10;

  explicit PackedPiece(int64_t bytes) : bytes_(bytes) {}
  std::atomic<int32_t> owners_{1};
  const int64_t bytes_;
};

namespace {

// What of a piece is not used is never touched, so it costs addresses only.
constexpr int64_t kPieceFloats = 16 * platform::kHugePage / static_cast<int64_t>(sizeof(float)) - 16;
// Kernels may prefetch and a vector may read a little past the end; and weights do not share a line.
constexpr int64_t kPastEnd = 64, kLineFloats = 16;

int64_t padded(int64_t floats) {
  return (floats + kPastEnd + kLineFloats - 1) / kLineFloats * kLineFloats;
}

}  // namespace

PackedMemory::~PackedMemory() {
  if (piece_) piece_->remove_owner();
}

PackedFloats::PackedFloats(int64_t count, PackedMemory* memory) : count_(count) {
  const int64_t wanted = padded(count);
  if (!memory) {
    piece_ = PackedPiece::make(wanted);
    data_ = piece_->floats();
    return;
  }
  if (wanted > memory->size_ - memory->used_) {
    PackedPiece* const next = PackedPiece::make(std::max(wanted, kPieceFloats));
    if (memory->piece_) memory->piece_->remove_owner();
    memory->piece_ = next;
    memory->size_ = std::max(wanted, kPieceFloats);
    memory->used_ = 0;
  }
  piece_ = memory->piece_;
  piece_->add_owner();
  data_ = piece_->floats() + memory->used_;
  memory->used_ += wanted;
}

PackedFloats::~PackedFloats() {
  if (piece_) piece_->remove_owner();
}

}  // namespace fusor::cpu
