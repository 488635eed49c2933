#include "tensor/shape.h"

#include <algorithm>

namespace fusor {
namespace {

template <class T>
std::string join(std::span<const T> numbers) {
  std::string result = "[";
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) result += ", ";
    result += std::to_string(numbers[i]);
  }
  return result + "]";
}

}  // namespace

Shape::Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}

Shape::Shape(std::span<const int64_t> sizes) : rank_(static_cast<int32_t>(sizes.size())) {
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
}

void Shape::append(int64_t size) {
  sizes_[rank_++] = size;
}

Shape Shape::first(int32_t count) const {
  return Shape(sizes().first(static_cast<size_t>(count)));
}

Shape Shape::last(int32_t count) const {
  return Shape(sizes().last(static_cast<size_t>(count)));
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(sizes().begin(), sizes().end(), other.sizes().begin(), other.sizes().end());
}

int64_t Shape::elements() const {
  int64_t product = 1;
  for (const int64_t size : sizes()) product *= size;
  return product;
}

std::string Shape::to_text() const {
  return join(sizes());
}

std::string list_text(std::span<const int64_t> numbers) {
  return join(numbers);
}
std::string list_text(std::span<const int32_t> numbers) {
  return join(numbers);
}

bool shape_fits(const Shape& shape, int64_t element_bytes) {
  int64_t bytes = element_bytes;
  for (const int64_t size : shape.sizes()) {
    if (size < 0) return false;
    if (size > 0 && __builtin_mul_overflow(bytes, size, &bytes)) return false;
    if (bytes > kMaxBytes) return false;
  }
  return true;
}

bool broadcast(const Shape& a, const Shape& b, Shape& result) {
  const int32_t rank = std::max(a.rank(), b.rank());
  Shape joined;
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t in_a = i - (rank - a.rank()), in_b = i - (rank - b.rank());
    const int64_t size_a = in_a < 0 ? 1 : a[in_a], size_b = in_b < 0 ? 1 : b[in_b];
    if (size_a != size_b && size_a != 1 && size_b != 1) return false;
    joined.append(size_a == 1 ? size_b : size_a);
  }
  result = joined;
  return true;
}

}  // namespace fusor
