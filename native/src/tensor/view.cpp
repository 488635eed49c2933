#include "tensor/view.h"

#include <algorithm>

namespace fusor {

View View::contiguous(const Shape& shape) {
  View view;
  view.shape = shape;
  int64_t stride = 1;
  for (int32_t i = shape.rank() - 1; i >= 0; --i) {
    view.strides[i] = stride;
    stride *= std::max<int64_t>(shape[i], 1);
  }
  return view;
}

bool View::is_contiguous() const {
  int64_t expected = 1;
  for (int32_t i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return shape.elements() == 0;
    expected *= shape[i];
  }
  return true;
}

bool View::is_injective() const {
  if (shape.elements() == 0) return true;
  // Ordered by stride, each dimension has to step over all that the smaller ones reach. (Views made by the
  // functions below are either like that or have a stride of 0.)
  std::array<int32_t, FUSOR_MAX_RANK> order{};
  int32_t count = 0;
  for (int32_t i = 0; i < shape.rank(); ++i) {
    if (shape[i] <= 1) continue;
    int32_t place = count++;
    for (; place > 0 && strides[order[place - 1]] > strides[i]; --place) order[place] = order[place - 1];
    order[place] = i;
  }
  int64_t reach = 0;
  for (int32_t k = 0; k < count; ++k) {
    const int32_t i = order[k];
    if (strides[i] <= reach) return false;
    reach += strides[i] * (shape[i] - 1);
  }
  return true;
}

// As in PyTorch: dimensions that lie one after another in memory act as one run, and each run has to split
// into whole dimensions of the new shape.
std::optional<View> reshaped(const View& view, const Shape& shape) {
  View result = View::contiguous(shape);
  result.offset = view.offset;
  if (view.shape.elements() == 0) return result;

  struct Run {
    int64_t size, stride;  // of its innermost dimension
  };
  std::array<Run, FUSOR_MAX_RANK> runs{};
  int32_t count = 0;
  for (int32_t i = view.shape.rank() - 1; i >= 0; --i) {
    if (view.shape[i] == 1) continue;
    if (count > 0 && view.strides[i] == runs[count - 1].size * runs[count - 1].stride) {
      runs[count - 1].size *= view.shape[i];
    } else {
      runs[count++] = {view.shape[i], view.strides[i]};
    }
  }

  int32_t current = 0;
  int64_t covered = 1;  // elements of the current run that new dimensions have taken
  for (int32_t i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] == 1) continue;
    if (covered == runs[current].size) {
      ++current;
      covered = 1;
    }
    result.strides[i] = covered * runs[current].stride;
    covered *= shape[i];
    if (covered > runs[current].size) return std::nullopt;
  }
  return result;
}

View permuted(const View& view, std::span<const int32_t> order) {
  View result;
  result.offset = view.offset;
  for (const int32_t from : order) {
    result.strides[result.shape.rank()] = view.strides[from];
    result.shape.append(view.shape[from]);
  }
  return result;
}

View sliced(const View& view, std::span<const int64_t> start, std::span<const int64_t> end,
            std::span<const int64_t> step) {
  View result = view;
  bool empty = false;
  for (int32_t i = 0; i < view.shape.rank(); ++i) {
    const int64_t size = end[i] > start[i] ? (end[i] - start[i] - 1) / step[i] + 1 : 0;
    result.shape.set(i, size);
    result.offset += start[i] * view.strides[i];
    // A step that takes one element may be anything, also past what a product can hold.
    result.strides[i] = size > 1 ? view.strides[i] * step[i] : view.strides[i];
    empty = empty || size == 0;
  }
  // An empty view points nowhere; keeping it at the storage's start keeps every offset inside.
  if (empty) result.offset = 0;
  return result;
}

View expanded(const View& view, const Shape& shape) {
  View result;
  result.offset = view.offset;
  result.shape = shape;
  const int32_t added = shape.rank() - view.shape.rank();
  for (int32_t i = 0; i < shape.rank(); ++i) {
    const bool repeats = i < added || (view.shape[i - added] == 1 && shape[i] != 1);
    result.strides[i] = repeats ? 0 : view.strides[i - added];
  }
  return result;
}

}  // namespace fusor
