#include "backend/buffer.h"

#include <algorithm>

namespace fusor::cuda {
namespace {

// Whether the dimensions, from the outermost to the innermost in this order, lie without gaps.
bool is_packed(const fusor_buffer& buffer, const int32_t* order) {
  if (buffer.layout != FUSOR_LAYOUT_STRIDED) return false;
  int64_t expected = 1;
  for (int32_t i = buffer.rank - 1; i >= 0; --i) {
    const int32_t dim = order[i];
    if (buffer.sizes[dim] == 0) return true;
    if (buffer.sizes[dim] != 1 && buffer.strides[dim] != expected) return false;
    expected *= buffer.sizes[dim];
  }
  return true;
}

void pack(fusor_buffer& buffer, const int32_t* order) {
  int64_t stride = 1;
  for (int32_t i = buffer.rank - 1; i >= 0; --i) {
    buffer.strides[order[i]] = stride;
    stride *= std::max<int64_t>(buffer.sizes[order[i]], 1);
  }
  buffer.layout = FUSOR_LAYOUT_STRIDED;
  buffer.byte_offset = 0;
  buffer.byte_size = element_count(buffer) * element_size(buffer.dtype);
}

constexpr int32_t kRowMajorOrder[FUSOR_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
constexpr int32_t kChannelsLastOrder[4] = {0, 2, 3, 1};

}  // namespace

int64_t element_size(int32_t dtype) {
  constexpr int64_t sizes[FUSOR_DTYPE_COUNT] = {4, 2, 2, 4, 8, 1};
  return sizes[dtype];
}

const char* dtype_name(int32_t dtype) {
  constexpr const char* names[FUSOR_DTYPE_COUNT] = {"f32", "f16", "bf16", "i32", "i64", "u8"};
  return dtype >= 0 && dtype < FUSOR_DTYPE_COUNT ? names[dtype] : "an unknown dtype";
}

int64_t element_count(const fusor_buffer& buffer, int32_t first, int32_t last) {
  int64_t count = 1;
  for (int32_t i = first; i < last; ++i) count *= buffer.sizes[i];
  return count;
}

bool same_sizes(const fusor_buffer& a, const fusor_buffer& b) {
  return a.rank == b.rank && std::equal(a.sizes, a.sizes + a.rank, b.sizes);
}

bool same_geometry(const fusor_buffer& a, const fusor_buffer& b) {
  if (!same_sizes(a, b)) return false;
  for (int32_t i = 0; i < a.rank; ++i) {
    if (a.sizes[i] > 1 && a.strides[i] != b.strides[i]) return false;
  }
  return true;
}

bool is_row_major(const fusor_buffer& buffer) {
  return is_packed(buffer, kRowMajorOrder);
}

bool is_channels_last(const fusor_buffer& buffer) {
  return buffer.rank == 4 && is_packed(buffer, kChannelsLastOrder);
}

bool is_dense(const fusor_buffer& buffer) {
  if (buffer.layout != FUSOR_LAYOUT_STRIDED) return false;
  int32_t order[FUSOR_MAX_RANK];
  const int32_t rank = std::clamp(buffer.rank, 0, FUSOR_MAX_RANK);
  std::copy_n(kRowMajorOrder, rank, order);
  // By falling stride: the order in which the dimensions lie, if they lie without gaps at all.
  std::sort(order, order + rank, [&](int32_t a, int32_t b) {
    return buffer.strides[a] != buffer.strides[b] ? buffer.strides[a] > buffer.strides[b]
                                                  : buffer.sizes[a] > buffer.sizes[b];
  });
  return is_packed(buffer, order);
}

void set_row_major(fusor_buffer& buffer) {
  pack(buffer, kRowMajorOrder);
}

void set_channels_last(fusor_buffer& buffer) {
  pack(buffer, kChannelsLastOrder);
}

void set_strides_like(fusor_buffer& buffer, const fusor_buffer& like) {
  set_row_major(buffer);
  std::copy_n(like.strides, buffer.rank, buffer.strides);
}

}  // namespace fusor::cuda
