#include "cpu/geometry.h"

namespace fusor::cpu {

int64_t element_size(int32_t dtype) {
  switch (dtype) {
    case FUSOR_I64:
      return 8;
    case FUSOR_F32:
    case FUSOR_I32:
      return 4;
    case FUSOR_F16:
    case FUSOR_BF16:
      return 2;
    default:
      return 1;
  }
}

int64_t element_count(const fusor_buffer& buffer) {
  int64_t count = 1;
  for (int32_t i = 0; i < buffer.rank; ++i) count *= buffer.sizes[i];
  return count;
}

bool is_contiguous(const fusor_buffer& buffer) {
  if (buffer.layout != FUSOR_LAYOUT_STRIDED) return false;
  if (element_count(buffer) == 0) return true;
  int64_t stride = 1;
  for (int32_t i = buffer.rank - 1; i >= 0; --i) {
    if (buffer.sizes[i] != 1 && buffer.strides[i] != stride) return false;
    stride *= buffer.sizes[i];
  }
  return true;
}

void describe_contiguous(fusor_buffer& buffer) {
  buffer.layout = FUSOR_LAYOUT_STRIDED;
  buffer.block = 0;
  for (int32_t& rows : buffer.halo) rows = 0;
  int64_t stride = 1;
  for (int32_t i = buffer.rank - 1; i >= 0; --i) {
    buffer.strides[i] = stride;
    stride *= buffer.sizes[i] > 0 ? buffer.sizes[i] : 1;
  }
  buffer.byte_offset = 0;
  buffer.byte_size = element_count(buffer) * element_size(buffer.dtype);
}

}  // namespace fusor::cpu
