// How a tensor looks at its storage: sizes, strides and offset in elements. Making a view of a view is
// arithmetic on these, and never touches memory.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "tensor/shape.h"

namespace fusor {

using Strides = std::array<int64_t, FUSOR_MAX_RANK>;

struct View {
  Shape shape;
  Strides strides{};  // in elements, never negative; 0 where a dimension repeats
  int64_t offset = 0;

  // Row-major from the first element of a storage.
  static View contiguous(const Shape& shape);

  // Elements lie one after another in row-major order. Strides of dimensions of size 1 do not matter, and a
  // view without elements is contiguous.
  bool is_contiguous() const;
  // No two indices meet in one element (enough for writing through the view): false for expanded dimensions.
  bool is_injective() const;
};

// The same elements in another shape, if strides can say it; nothing if that takes a copy. `shape` has as
// many elements.
std::optional<View> reshaped(const View& view, const Shape& shape);
View permuted(const View& view, std::span<const int32_t> order);
View sliced(const View& view, std::span<const int64_t> start, std::span<const int64_t> end,
            std::span<const int64_t> step);
// Sizes of 1 repeated, and new dimensions in front. `shape` broadcasts from view.shape.
View expanded(const View& view, const Shape& shape);

}  // namespace fusor
