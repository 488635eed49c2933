// Which rectangle of a pooled image a block makes (pooled.h): plain functions of numbers.
#pragma once

#include "arch/platform.h"
#include "conv2d/conv2d.h"

namespace fusor::cuda::conv2d_detail {

/** The pool, and the rectangles of its outputs that blocks make. */
struct PoolTiles {
  int kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
  int p, q;             /* pooled height and width */
  int tile_h, tile_w;   /* pooled pixels of a block */
  int tiles_h, tiles_w; /* blocks of an image */

  /** Without its rectangles: see cover(). */
  static PoolTiles of(const MaxPool& pool) {
    return {pool.kernel_h,
            pool.kernel_w,
            pool.stride_h,
            pool.stride_w,
            pool.pad_top,
            pool.pad_left,
            pool.p,
            pool.q,
            0,
            0,
            0,
            0};
  }

  /** Convolved pixels under a block's. */
  FUSOR_HOST_DEVICE int height() const { return (tile_h - 1) * stride_h + kernel_h; }
  FUSOR_HOST_DEVICE int width() const { return (tile_w - 1) * stride_w + kernel_w; }

  /** Chooses the rectangles, of at most `most` convolved pixels: as few as will do, and of these the
   * smallest. False if a window alone is larger. */
  bool cover(int most) {
    int64_t best = 0;
    for (int h = 1; h <= p && (h - 1) * stride_h + kernel_h <= most; ++h) {
      for (int w = 1; w <= q; ++w) {
        PoolTiles t = *this;
        t.tile_h = h;
        t.tile_w = w;
        const int pixels = t.height() * t.width();
        if (pixels > most) break;
        t.tiles_h = (p + h - 1) / h;
        t.tiles_w = (q + w - 1) / w;
        const int64_t count = int64_t{t.tiles_h} * t.tiles_w * (most + 1) + pixels;
        if (best != 0 && count >= best) continue;
        best = count;
        tile_h = t.tile_h;
        tile_w = t.tile_w;
        tiles_h = t.tiles_h;
        tiles_w = t.tiles_w;
      }
    }
    return best != 0;
  }
};

/** Where a block's rectangle is. */
struct PooledBlock {
  int64_t image;
  int p, q; /* its first pooled pixel */

  FUSOR_HOST_DEVICE static PooledBlock at(int64_t block, const PoolTiles& pool) {
    const int64_t tiles = int64_t{pool.tiles_h} * pool.tiles_w, image = block / tiles;
    const int in_image = static_cast<int>(block - image * tiles);
    const int row = in_image / pool.tiles_w;
    return {image, row * pool.tile_h, (in_image - row * pool.tiles_w) * pool.tile_w};
  }
};

/** Convolved pixels and channels of a block. */
inline constexpr int kPooledRows = 256, kPooledChannels = 64;

}  // namespace fusor::cuda::conv2d_detail
