// Memory of packed weights: 64-byte aligned, zeroed, in huge pages where it is big.
#pragma once

#include <cstdint>
#include <utility>

namespace fusor::cpu {

// A stretch of memory, which goes with the last of its owners. (A std::shared_ptr would need glibc 2.32.)
class PackedPiece;

// Where the weights of a plan lie, one after another in pieces of many huge pages. Each alone would round up
// to whole ones: 30 MB for the 53 convolutions of a ResNet-50. A piece goes when the last weights in it go.
class PackedMemory {
 public:
  PackedMemory() = default;
  ~PackedMemory();
  PackedMemory(const PackedMemory&) = delete;
  PackedMemory& operator=(const PackedMemory&) = delete;

 private:
  friend class PackedFloats;
  PackedPiece* piece_ = nullptr;
  int64_t used_ = 0, size_ = 0;  // floats of the piece
};

class PackedFloats {
 public:
  PackedFloats() = default;
  // Throws std::bad_alloc. `memory` null: a piece of its own.
  explicit PackedFloats(int64_t count, PackedMemory* memory = nullptr);
  ~PackedFloats();
  PackedFloats(PackedFloats&& other) noexcept
      : piece_(std::exchange(other.piece_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  PackedFloats& operator=(PackedFloats&& other) noexcept {
    std::swap(piece_, other.piece_);
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  float* data() { return data_; }
  const float* data() const { return data_; }
  int64_t bytes() const { return count_ * static_cast<int64_t>(sizeof(float)); }

 private:
  PackedPiece* piece_ = nullptr;
  float* data_ = nullptr;
  int64_t count_ = 0;
};

}  // namespace fusor::cpu
