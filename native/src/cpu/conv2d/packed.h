// Memory of packed weights: 64-byte aligned, zeroed, in huge pages where it is big.
#pragma once

#include <cstdint>
#include <utility>

namespace fusor::cpu {

class PackedFloats {
 public:
  PackedFloats() = default;
  explicit PackedFloats(int64_t count);  // throws std::bad_alloc
  ~PackedFloats();
  PackedFloats(PackedFloats&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  PackedFloats& operator=(PackedFloats&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  float* data() { return data_; }
  const float* data() const { return data_; }
  int64_t bytes() const { return count_ * static_cast<int64_t>(sizeof(float)); }

 private:
  float* data_ = nullptr;
  int64_t count_ = 0;
};

}  // namespace fusor::cpu
