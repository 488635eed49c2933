// Global to shared memory for implicit GEMM: the im2col matrix A is never built, its rows are gathered as
// they are needed. A thread copies the same chunk (16 bytes) of several rows, so that where the filter stands
// is computed once for all.
#pragma once

#include "arch/async_copy.h"
#include "arch/vector.h"
#include "conv2d/geometry.h"

namespace fusor::cuda::conv2d_detail {

/** Elements that are copied together: as many as surely lie together. 16 bytes where c is a multiple of them.
 */
template <class T, int Piece>
struct ChunkCopy {
  static constexpr int kLength = 16 / static_cast<int>(sizeof(T)), kPieces = kLength / Piece;

  /** `source(i)` is the address of piece i, or nullptr for zeros. */
  template <class Source>
  FUSOR_DEVICE static void copy(unsigned char* shared, const T* anywhere, Source source) {
    if constexpr (Piece * sizeof(T) >= 4) {
#pragma unroll
      for (int i = 0; i < kPieces; ++i) {
        const T* from = source(i);
        async_copy<Piece* static_cast<int>(sizeof(T))>(shared + i * Piece * sizeof(T),
                                                       from != nullptr ? from : anywhere, from != nullptr);
      }
    } else {  // single 16-bit elements: cp.async has no 2 bytes
      Vector<T, kLength> values;
#pragma unroll
      for (int i = 0; i < kLength; ++i) {
        const T* from = source(i);
        values[i] = from != nullptr ? *from : from_float<T>(0.f);
      }
      store(reinterpret_cast<T*>(shared), values);
    }
  }
};

/** Which rows of A a tile has: those from `first` on. */
struct RowsInOrder {
  int64_t first;
  FUSOR_DEVICE PixelOrigin operator()(int i, const Geometry& g) const {
    return PixelOrigin::at(first + i, g);
  }
};

/** Loads tiles of Bm rows of A, one after the other along the columns; row i is that of the pixel `rows(i,
 * g)`. Pointwise: the filter is 1x1, not strided and not padded, so that A is x itself, and its rows are in
 * order. */
template <class T, int Bm, int RowBytes, int Threads, int Piece, bool Pointwise>
class PixelLoader {
 public:
  static constexpr int kColumns = RowBytes / static_cast<int>(sizeof(T));
  static constexpr int kChunks = RowBytes / 16, kRowsPerPass = Threads / kChunks, kPasses = Bm / kRowsPerPass;
  static_assert(Bm % kRowsPerPass == 0);

  template <class Rows>
  FUSOR_DEVICE PixelLoader(const Geometry& g, const T* x, const Rows& rows, int first_column)
      : g_(g), x_(x), chunk_(threadIdx.x % kChunks), row_(threadIdx.x / kChunks) {
    column_ = first_column + chunk_ * ChunkCopy<T, Piece>::kLength;
    if constexpr (Pointwise) {
#pragma unroll
      for (int i = 0; i < kPasses; ++i) {
        const int64_t row = rows.first + row_ + i * kRowsPerPass;
        pixels_[i].offset = row < g.rows ? row * g.pixel_x : -1;
      }
    } else {
      position_ = FilterPosition::at(column_, g);
#pragma unroll
      for (int i = 0; i < kPasses; ++i) pixels_[i] = rows(row_ + i * kRowsPerPass, g);
    }
  }

  /** Copies the next tile to `tile`. */
  FUSOR_DEVICE void load(unsigned char* tile) {
    using Copy = ChunkCopy<T, Piece>;
    if constexpr (Pointwise) {
#pragma unroll
      for (int i = 0; i < kPasses; ++i) {
        Copy::copy(to(tile, i), x_, [&](int piece) -> const T* {
          const int column = column_ + piece * Piece;
          return pixels_[i].offset >= 0 && column < g_.inner ? x_ + pixels_[i].offset + column : nullptr;
        });
      }
    } else {
      int dh[Copy::kPieces], dw[Copy::kPieces], offset[Copy::kPieces];
      FilterPosition at = position_;
#pragma unroll
      for (int piece = 0; piece < Copy::kPieces; ++piece) {
        const bool in_filter = at.r < g_.r;
        dh[piece] = in_filter ? at.r * g_.dilation_h : -(1 << 28);
        dw[piece] = at.s * g_.dilation_w;
        offset[piece] = (at.r * g_.dilation_h * g_.w + dw[piece]) * g_.pixel_x + at.c;
        if (piece + 1 < Copy::kPieces) at.advance(Piece, g_);
      }
#pragma unroll
      for (int i = 0; i < kPasses; ++i) {
        Copy::copy(to(tile, i), x_, [&](int piece) -> const T* {
          return pixels_[i].inside(dh[piece], dw[piece], g_) ? x_ + pixels_[i].offset + offset[piece]
                                                             : nullptr;
        });
      }
      position_.advance(kColumns, g_);
    }
    column_ += kColumns;
  }

 private:
  FUSOR_DEVICE unsigned char* to(unsigned char* tile, int i) const {
    return tile + swizzled_offset<RowBytes>(row_ + i * kRowsPerPass, chunk_);
  }

  const Geometry& g_;
  const T* x_;
  int chunk_, row_, column_;
  FilterPosition position_;
  PixelOrigin pixels_[kPasses];
};

/** Loads tiles of Bn rows of B, which lies in memory as it is. */
template <class T, int Bn, int RowBytes, int Threads, int Piece>
class FilterLoader {
 public:
  static constexpr int kColumns = RowBytes / static_cast<int>(sizeof(T));
  static constexpr int kChunks = RowBytes / 16, kRowsPerPass = Threads / kChunks, kPasses = Bn / kRowsPerPass;
  static_assert(Bn % kRowsPerPass == 0);

  FUSOR_DEVICE FilterLoader(const Geometry& g, const T* weight, int first_row, int first_column)
      : g_(g), weight_(weight), chunk_(threadIdx.x % kChunks), row_(threadIdx.x / kChunks) {
    first_row_ = first_row;
    column_ = first_column + chunk_ * ChunkCopy<T, Piece>::kLength;
  }

  FUSOR_DEVICE void load(unsigned char* tile) {
#pragma unroll
    for (int i = 0; i < kPasses; ++i) {
      const int row = row_ + i * kRowsPerPass, filter = first_row_ + row;
      const T* from = weight_ + int64_t{filter} * g_.inner + column_;
      ChunkCopy<T, Piece>::copy(
          tile + swizzled_offset<RowBytes>(row, chunk_), weight_, [&](int piece) -> const T* {
            return filter < g_.k && column_ + piece * Piece < g_.inner ? from + piece * Piece : nullptr;
          });
    }
    column_ += kColumns;
  }

 private:
  const Geometry& g_;
  const T* weight_;
  int chunk_, row_, first_row_, column_;
};

}  // namespace fusor::cuda::conv2d_detail
