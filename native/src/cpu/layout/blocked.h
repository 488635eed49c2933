// Channel-blocked activations: [n][channel block][rows with halo][columns with halo][lanes]. A block is as
// wide as the vectors of the instruction set, so a kernel's vector is one pixel of one block. The halo is a
// border of zeros that stands for the consumers' zero padding: kernels read across the edge without a branch.
#pragma once

#include <cstdint>

#include "fusor/types.h"

namespace fusor::cpu {

struct Halo {
  int32_t top = 0, bottom = 0, left = 0, right = 0;
  bool operator==(const Halo&) const = default;
};

// Geometry of a blocked activation; sizes in elements (floats).
struct BlockedShape {
  int64_t n = 0, c = 0, h = 0, w = 0;
  int32_t lanes = 0;
  Halo halo;

  int64_t blocks() const { return (c + lanes - 1) / lanes; }
  int64_t row_stride() const { return (halo.left + w + halo.right) * lanes; }
  int64_t block_stride() const { return (halo.top + h + halo.bottom) * row_stride(); }
  int64_t image_stride() const { return blocks() * block_stride(); }
  int64_t elements() const { return n * image_stride(); }
  int64_t bytes() const { return elements() * static_cast<int64_t>(sizeof(float)); }
  // Of the pixel (y, x) of a block, from the start of the storage.
  int64_t offset(int64_t image, int64_t block, int64_t y, int64_t x) const {
    return image * image_stride() + block * block_stride() + (y + halo.top) * row_stride() +
           (x + halo.left) * lanes;
  }
  bool operator==(const BlockedShape&) const = default;
};

struct BlockedView {
  float* data = nullptr;  // start of the storage, halo included
  BlockedShape shape;
  float* at(int64_t image, int64_t block, int64_t y, int64_t x) const {
    return data + shape.offset(image, block, y, x);
  }
};

BlockedShape blocked_shape(const fusor_buffer& buffer);  // of a FUSOR_LAYOUT_BLOCKED buffer
BlockedView blocked_view(const fusor_buffer& buffer);
// Sets layout, block, halo, byte_offset and byte_size of a rank 4 f32 buffer.
void describe_blocked(fusor_buffer& buffer, int32_t lanes, const Halo& halo);

}  // namespace fusor::cpu
