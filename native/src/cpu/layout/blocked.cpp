#include "cpu/layout/blocked.h"

namespace fusor::cpu {

BlockedShape blocked_shape(const fusor_buffer& buffer) {
  BlockedShape shape;
  shape.n = buffer.sizes[0];
  shape.c = buffer.sizes[1];
  shape.h = buffer.sizes[2];
  shape.w = buffer.sizes[3];
  shape.lanes = buffer.block;
  shape.halo = {buffer.halo[0], buffer.halo[1], buffer.halo[2], buffer.halo[3]};
  return shape;
}

BlockedView blocked_view(const fusor_buffer& buffer) {
  return {static_cast<float*>(buffer.data), blocked_shape(buffer)};
}

void describe_blocked(fusor_buffer& buffer, int32_t lanes, const Halo& halo) {
  buffer.layout = FUSOR_LAYOUT_BLOCKED;
  buffer.block = lanes;
  buffer.halo[0] = halo.top;
  buffer.halo[1] = halo.bottom;
  buffer.halo[2] = halo.left;
  buffer.halo[3] = halo.right;
  buffer.byte_offset = 0;
  buffer.byte_size = blocked_shape(buffer).bytes();
}

}  // namespace fusor::cpu
