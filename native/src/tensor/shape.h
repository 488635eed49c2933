// Sizes of a tensor, and what follows from sizes alone.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "fusor/types.h"

namespace fusor {

// No tensor, and no intermediate product of sizes, may have more bytes than this. Leaves room for offsets and
// paddings to be added without overflow.
inline constexpr int64_t kMaxBytes = int64_t{1} << 62;

class Shape {
 public:
  Shape() = default;  // rank 0
  Shape(std::initializer_list<int64_t> sizes);
  explicit Shape(std::span<const int64_t> sizes);

  int32_t rank() const { return rank_; }
  int64_t operator[](int32_t dimension) const { return sizes_[dimension]; }
  std::span<const int64_t> sizes() const { return {sizes_.data(), static_cast<size_t>(rank_)}; }
  int64_t back() const { return sizes_[rank_ - 1]; }

  void append(int64_t size);  // at most FUSOR_MAX_RANK times
  void set(int32_t dimension, int64_t size) { sizes_[dimension] = size; }
  Shape first(int32_t count) const;
  Shape last(int32_t count) const;
  bool operator==(const Shape& other) const;

  int64_t elements() const;     // of a shape that fits (see below)
  std::string to_text() const;  // "[1, 3, 224, 224]"

 private:
  int32_t rank_ = 0;
  std::array<int64_t, FUSOR_MAX_RANK> sizes_{};
};

// "[1, 3]" or, for lists that are not shapes, the same of any numbers.
std::string list_text(std::span<const int64_t> numbers);
std::string list_text(std::span<const int32_t> numbers);

// True if the sizes are not negative and the product of those above 0, times `element_bytes`, is at most
// kMaxBytes. Sizes of 0 do not excuse the others: strides are products too.
bool shape_fits(const Shape& shape, int64_t element_bytes);

// PyTorch's broadcasting: aligned at the last dimension, sizes equal or 1. False if the shapes do not
// broadcast.
bool broadcast(const Shape& a, const Shape& b, Shape& result);

inline void append_text(std::string& to, const Shape& shape) {
  to += shape.to_text();
}

}  // namespace fusor
