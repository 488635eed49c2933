// Index arithmetic of implicit GEMM, plain functions of numbers. Row m of the matrix A is output pixel m (n,
// p, q in this order), its columns are the R * S * C inputs under the filter, c fastest; row j of B is the
// filter of output channel j.
#pragma once

#include "arch/platform.h"

namespace fusor::cuda::conv2d_detail {

/** One group's problem, as kernels take it. */
struct Geometry {
  int64_t rows; /* n p q */
  int h, w, c;  /* c, k: of one group */
  int k, r, s, p, q;
  int pad_top, pad_left, stride_h, stride_w, dilation_h, dilation_w;
  int groups;
  int inner;   /* r s c */
  int pixel_x; /* elements from one pixel of x to the next: all groups' channels */
  int pixel_y;
};

/** Matrix products side by side in a launch: see MatrixBatch; steps in elements. */
struct BatchSteps {
  static constexpr int kMostRank = 6;
  int64_t count; /* 1 of everything that is not a batch */
  int rank;
  int64_t sizes[kMostRank], x[kMostRank], weight[kMostRank];

  struct Offsets {
    int64_t x, weight;
  };
  FUSOR_HOST_DEVICE Offsets at(int64_t matrix) const {
    Offsets offsets{0, 0};
    for (int d = 0; d < rank; ++d) {
      const int64_t outer = matrix / sizes[d], index = matrix - outer * sizes[d];
      offsets.x += index * x[d];
      offsets.weight += index * weight[d];
      matrix = outer;
    }
    return offsets;
  }
};

/** A is x itself, row by row. */
inline bool is_pointwise(const Geometry& g) {
  return g.r == 1 && g.s == 1 && g.stride_h == 1 && g.stride_w == 1 && g.pad_top == 0 && g.pad_left == 0 &&
         g.p == g.h && g.q == g.w;
}

/** Tiles of A and B lie in shared memory as rows of `RowBytes`, cut into chunks of 16 bytes. Chunk c of a row
 * goes to place c ^ f(row), so that the eight rows of a matrix that ldmatrix reads fall into eight different
 * groups of banks: f = row % 8 for rows of 128 bytes; two rows of 64 bytes share a line of the banks, so f =
 * row / 2 % 4. */
template <int RowBytes>
FUSOR_HOST_DEVICE constexpr int swizzled_offset(int row, int chunk) {
  static_assert(RowBytes == 64 || RowBytes == 128);
  return RowBytes == 128 ? row * 128 + ((chunk ^ (row & 7)) << 4)
                         : row * 64 + ((chunk ^ ((row >> 1) & 3)) << 4);
}

/** Where column `k` of A is: under which weight of the filter, and which channel. */
struct FilterPosition {
  int r, s, c;

  FUSOR_HOST_DEVICE static FilterPosition at(int k, const Geometry& g) {
    const int tap = k / g.c;
    return {tap / g.s, tap % g.s, k - tap * g.c};
  }
  /** `by` columns on. Loops where c is small, which it is for stems only. */
  FUSOR_HOST_DEVICE void advance(int by, const Geometry& g) {
    c += by;
    while (c >= g.c) {
      c -= g.c;
      if (++s == g.s) {
        s = 0;
        ++r;
      }
    }
  }
};

/** The input pixel under the filter's first weight, for one row of A. */
struct PixelOrigin {
  int64_t offset; /* of that pixel in x; of no meaning to be read where it is outside of the image */
  int h, w;       /* h: far outside of the image for rows past the end */

  FUSOR_HOST_DEVICE static PixelOrigin at(int64_t row, const Geometry& g) {
    if (row >= g.rows) return {0, -(1 << 29), 0};
    const auto pixels = static_cast<int64_t>(g.p) * g.q;
    const int64_t image = row / pixels;
    const int in_image = static_cast<int>(row - image * pixels);
    const int p = in_image / g.q, q = in_image - p * g.q;
    const int h = p * g.stride_h - g.pad_top, w = q * g.stride_w - g.pad_left;
    return {((image * g.h + h) * g.w + w) * g.pixel_x, h, w};
  }
  FUSOR_HOST_DEVICE bool inside(int dh, int dw, const Geometry& g) const {
    return static_cast<unsigned>(h + dh) < static_cast<unsigned>(g.h) &&
           static_cast<unsigned>(w + dw) < static_cast<unsigned>(g.w);
  }
};

}  // namespace fusor::cuda::conv2d_detail
