// Descriptions of tensors for the copy engine (TMA), made on the host and passed to kernels as
// __grid_constant__ values.
#pragma once

#include <cstdint>

#include "arch/status.h"

namespace fusor::cuda {

/** A CUtensorMap: opaque on a GPU, the emulator's own fields there. */
struct alignas(128) TensorMap {
  uint64_t opaque[16];
};

/** Boxes of a tensor of 16-bit elements (2 or 3 dimensions), the first dimension contiguous. In shared memory
 * a row of the box has 128 bytes (box[0] is 64), swizzled: chunk c of row r lies at c ^ (r % 8). What is
 * outside of the tensor is read as zeros and not written. */
struct TiledMap {
  fusor_dtype dtype;
  const void* data; /* 16-byte aligned */
  int rank;
  int64_t sizes[3];
  int64_t strides[2]; /* bytes of the second and third dimension, multiples of 16 */
  int box[3];         /* at most 256 each */
};

/** Rows of 64 channels of an NHWC image of 16-bit elements, as implicit GEMM wants them: `pixels`
 * neighbouring positions of the filter's first weight, walking over w, then h, then n inside the box that the
 * corners leave. A load adds an offset: the place in the filter. Outside of the image there are zeros. */
struct Im2colMap {
  fusor_dtype dtype;
  const void* data;
  int64_t n;
  int h, w, c;            /* c: a multiple of 8 */
  int lower_h, lower_w;   /* the first position: -pad */
  int upper_h, upper_w;   /* the last position, from the image's last pixel: pad - dilation * (r - 1) */
  int stride_h, stride_w; /* at most 8 */
  int pixels;             /* at most 256 */
};

Status encode_tiled(TensorMap* map, const TiledMap& description);
Status encode_im2col(TensorMap* map, const Im2colMap& description);

}  // namespace fusor::cuda
