// Sizes and strides of buffers: what kernels' launchers and prepare functions ask about them.
#pragma once

#include <cstdint>

#include "fusor/types.h"

namespace fusor::cuda {

int64_t element_size(int32_t dtype);  // bytes
const char* dtype_name(int32_t dtype);
inline bool is_float(int32_t dtype) {
  return dtype == FUSOR_F32 || dtype == FUSOR_F16 || dtype == FUSOR_BF16;
}

/** Elements of dimensions `first` to `last` - 1; 1 where there are none. */
int64_t element_count(const fusor_buffer& buffer, int32_t first, int32_t last);
inline int64_t element_count(const fusor_buffer& buffer) {
  return element_count(buffer, 0, buffer.rank);
}
bool same_sizes(const fusor_buffer& a, const fusor_buffer& b);
/** Both sizes and strides (those of dimensions with one element do not count). */
bool same_geometry(const fusor_buffer& a, const fusor_buffer& b);

/** Elements in logical order without gaps. Dimensions of size 1 may have any stride; empty buffers are. */
bool is_row_major(const fusor_buffer& buffer);
/** Rank 4, elements in the order n, h, w, c without gaps. Of convolution weights: k, r, s, c. */
bool is_channels_last(const fusor_buffer& buffer);
/** Every element in its own place and no gaps, whatever the order of the dimensions. */
bool is_dense(const fusor_buffer& buffer);

/** Give a buffer these strides, from the start of its storage: layout, strides, byte_offset, byte_size. */
void set_row_major(fusor_buffer& buffer);
void set_channels_last(fusor_buffer& buffer);
/** The strides of `like`, a dense buffer of the same sizes. */
void set_strides_like(fusor_buffer& buffer, const fusor_buffer& like);

/** The first logical element. */
inline void* data_pointer(const fusor_buffer& buffer) {
  return static_cast<char*>(buffer.data) + buffer.byte_offset;
}
template <class T>
T* data_of(const fusor_buffer& buffer) {
  return static_cast<T*>(data_pointer(buffer));
}

}  // namespace fusor::cuda
