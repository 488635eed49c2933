// Memory of packed weights: 64-byte aligned, zeroed, in huge pages where it is big.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace fusor::cpu {

// Where the weights of a plan lie, one after another in pieces of many huge pages. Each alone would round up
// to whole ones: 30 MB for the 53 convolutions of a ResNet-50. A piece goes when the last weights in it go.
class PackedMemory {
 public:
  std::shared_ptr<float> take(int64_t floats);  // throws std::bad_alloc

 private:
  std::shared_ptr<float> piece_;
  int64_t free_ = 0;  // floats, at the piece's end
  int64_t used_ = 0;
};

class PackedFloats {
 public:
  PackedFloats() = default;
  // Throws std::bad_alloc. `memory` null: a piece of its own.
  explicit PackedFloats(int64_t count, PackedMemory* memory = nullptr);
  PackedFloats(PackedFloats&& other) noexcept
      : data_(std::move(other.data_)), count_(std::exchange(other.count_, 0)) {}
  PackedFloats& operator=(PackedFloats&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  int64_t bytes() const { return count_ * static_cast<int64_t>(sizeof(float)); }

 private:
  std::shared_ptr<float> data_;
  int64_t count_ = 0;
};

}  // namespace fusor::cpu
