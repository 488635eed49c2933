// Sizes and strides of buffers.
#pragma once

#include <cstdint>

#include "fusor/types.h"

namespace fusor::cpu {

int64_t element_size(int32_t dtype);                // bytes
int64_t element_count(const fusor_buffer& buffer);  // 1 for rank 0
// Strided, elements in logical order without gaps (dimensions of size 1 may have any stride; empty buffers
// are).
bool is_contiguous(const fusor_buffer& buffer);
// Makes `buffer` contiguous from the start of its storage: layout, strides, byte_offset and byte_size. Keeps
// dtype and sizes, and leaves `data` alone.
void describe_contiguous(fusor_buffer& buffer);

inline void* buffer_data(const fusor_buffer& buffer) {
  return static_cast<char*>(buffer.data) + buffer.byte_offset;
}
template <class T>
T* data_of(const fusor_buffer& buffer) {
  return static_cast<T*>(buffer_data(buffer));
}

}  // namespace fusor::cpu
