// What a warp does with a tile of A and B in shared memory: four ways of multiplying. All read rows of the
// same shape, so that the loaders and the pipeline are the same. Wm x Wn is the warp's part of the tile; a
// step takes 32 bytes of each row: 16 columns of 16-bit elements or 8 of 32-bit ones.
#pragma once

#include "arch/matrix.h"
#include "arch/vector.h"
#include "arch/warp.h"
#include "conv2d/epilogue.h"
#include "conv2d/geometry.h"

namespace fusor::cuda::conv2d_detail {

/** Fragments of A: Wm / 16 of 16 rows x 32 bytes, by ldmatrix. The four 8 x 16-byte matrices are what both
 * the 16-bit and the tf32 instruction want as a[0] to a[3]. */
template <int RowBytes, int Rows>
FUSOR_DEVICE void load_a(uint32_t (&a)[Rows][4], const unsigned char* tile, int first_row, int step) {
  const int lane = lane_index();
#pragma unroll
  for (int i = 0; i < Rows; ++i) {
    ldmatrix_x4(a[i],
                tile + swizzled_offset<RowBytes>(first_row + i * 16 + (lane & 15), step * 2 + (lane >> 4)));
  }
}

/** Fragments of B: 8 rows each, two by one ldmatrix. */
template <int RowBytes, int Columns>
FUSOR_DEVICE void load_b(uint32_t (&b)[Columns][2], const unsigned char* tile, int first_row, int step) {
  static_assert(Columns % 2 == 0);
  const int lane = lane_index();
#pragma unroll
  for (int j = 0; j < Columns; j += 2) {
    uint32_t two[4];
    const int row = first_row + j * 8 + (lane & 7) + ((lane >> 4) << 3);
    ldmatrix_x4(two, tile + swizzled_offset<RowBytes>(row, step * 2 + ((lane >> 3) & 1)));
    b[j][0] = two[0];
    b[j][1] = two[1];
    b[j + 1][0] = two[2];
    b[j + 1][1] = two[3];
  }
}

/** A warp's sums, one small vector after the other, wherever they lie: `f(row, column, values)`, row and
 * column within the warp's part, `values` an array of 1 or 2 neighbouring columns. */
template <int Rows, int Columns, class F>
FUSOR_DEVICE void each_fragment(float (&sums)[Rows][Columns][4], F f) {
  const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
  for (int i = 0; i < Rows; ++i) {
#pragma unroll
    for (int j = 0; j < Columns; ++j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float pair[2] = {sums[i][j][half * 2], sums[i][j][half * 2 + 1]};
        f(i * 16 + half * 8 + g, j * 8 + t * 2, pair);
      }
    }
  }
}

/** Accumulators in the tensor core's layout. */
template <int Wm, int Wn>
struct FragmentSums {
  static constexpr int kRows = Wm / 16, kColumns = Wn / 8;
  float sums[kRows][kColumns][4] = {};

  /** Rows 16 i to 16 i + 15 of the warp's part, for finish_staged_rows. */
  FUSOR_DEVICE void stage_rows(int i, float* staged) const {
    const int g = lane_index() / 4, t = lane_index() % 4;
#pragma unroll
    for (int ii = 0; ii < kRows; ++ii) {
      if (ii != i) continue;  // i is a constant where this is unrolled
#pragma unroll
      for (int j = 0; j < kColumns; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          float* to = staged + (g + half * 8) * kStagedStride<Wn> + j * 8 + t * 2;
          store(to, Vector<float, 2>{{sums[ii][j][half * 2], sums[ii][j][half * 2 + 1]}});
        }
      }
    }
  }
  /** See each_fragment. */
  template <class F>
  FUSOR_DEVICE void each(F f) {
    each_fragment(sums, f);
  }
};

/** bf16 or f16 operands. */
template <class T, int Wm, int Wn, int RowBytes>
struct TensorMath : FragmentSums<Wm, Wn> {
  using Base = FragmentSums<Wm, Wn>;
  FUSOR_DEVICE void multiply(const unsigned char* a_tile, const unsigned char* b_tile, int first_row,
                             int first_column) {
#pragma unroll
    for (int step = 0; step < RowBytes / 32; ++step) {
      uint32_t a[Base::kRows][4], b[Base::kColumns][2];
      load_a<RowBytes>(a, a_tile, first_row, step);
      load_b<RowBytes>(b, b_tile, first_column, step);
      mma_tile<T>(this->sums, a, b);
    }
  }
};

/** f32 operands rounded to tf32. */
template <int Wm, int Wn, int RowBytes>
struct Tf32Math : FragmentSums<Wm, Wn> {
  using Base = FragmentSums<Wm, Wn>;
  FUSOR_DEVICE void multiply(const unsigned char* a_tile, const unsigned char* b_tile, int first_row,
                             int first_column) {
#pragma unroll
    for (int step = 0; step < RowBytes / 32; ++step) {
      uint32_t a[Base::kRows][4], b[Base::kColumns][2];
      load_a<RowBytes>(a, a_tile, first_row, step);
      load_b<RowBytes>(b, b_tile, first_column, step);
#pragma unroll
      for (auto& fragment : a) {
#pragma unroll
        for (uint32_t& bits : fragment) bits = to_tf32(__uint_as_float(bits));
      }
#pragma unroll
      for (auto& fragment : b) {
#pragma unroll
        for (uint32_t& bits : fragment) bits = to_tf32(__uint_as_float(bits));
      }
      mma_tile_tf32(this->sums, a, b);
    }
  }
};

/** Two floats, rounded to bf16, as one register. */
FUSOR_DEVICE uint32_t pack_bf16(float low, float high) {
  const bf16 pair[2] = {from_float<bf16>(low), from_float<bf16>(high)};
  uint32_t bits;
  memcpy(&bits, pair, sizeof bits);
  return bits;
}

/** x and y as bf16 in `high`, and what that leaves of them in `low`. */
FUSOR_DEVICE void split_bf16(uint32_t x_bits, uint32_t y_bits, uint32_t& high, uint32_t& low) {
  const float x = __uint_as_float(x_bits), y = __uint_as_float(y_bits);
  high = pack_bf16(x, y);
  // An infinity has nothing left, and infinity - infinity would be NaN.
  const float x_high = __uint_as_float(high << 16), y_high = __uint_as_float(high & 0xffff0000u);
  low = pack_bf16(fabsf(x_high) < INFINITY ? x - x_high : 0.f, fabsf(y_high) < INFINITY ? y - y_high : 0.f);
}

/** f32 operands as high + low bf16; high * high + high * low + low * high. The order of a sum's terms is
 * free, so that lane t gives its 32-bit columns t, t + 4, t + 8, t + 12 where the instruction thinks of 2t,
 * 2t + 1, 2t + 8, 2t + 9. */
template <int Wm, int Wn, int RowBytes>
struct Bf16x3Math : FragmentSums<Wm, Wn> {
  using Base = FragmentSums<Wm, Wn>;
  FUSOR_DEVICE void multiply(const unsigned char* a_tile, const unsigned char* b_tile, int first_row,
                             int first_column) {
#pragma unroll
    for (int step = 0; step < RowBytes / 64; ++step) {
      uint32_t a_high[Base::kRows][4], a_low[Base::kRows][4], b_high[Base::kColumns][2],
          b_low[Base::kColumns][2];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        uint32_t a[Base::kRows][4], b[Base::kColumns][2];
        load_a<RowBytes>(a, a_tile, first_row, step * 2 + half);
        load_b<RowBytes>(b, b_tile, first_column, step * 2 + half);
#pragma unroll
        for (int i = 0; i < Base::kRows; ++i) {
          split_bf16(a[i][0], a[i][2], a_high[i][half * 2], a_low[i][half * 2]);
          split_bf16(a[i][1], a[i][3], a_high[i][half * 2 + 1], a_low[i][half * 2 + 1]);
        }
#pragma unroll
        for (int j = 0; j < Base::kColumns; ++j)
          split_bf16(b[j][0], b[j][1], b_high[j][half], b_low[j][half]);
      }
      mma_tile<bf16>(this->sums, a_low, b_high);
      mma_tile<bf16>(this->sums, a_high, b_low);
      mma_tile<bf16>(this->sums, a_high, b_high);
    }
  }
};

/** f32 on the general cores: lanes as 4 x 8, each with Wm / 4 x Wn / 8 sums. Rows of A are read by eight
 * lanes at once (a broadcast), the eight rows of B fall into different banks by the swizzle. */
template <int Wm, int Wn, int RowBytes>
struct ExactMath {
  static constexpr int kRows = Wm / 16; /* of 16 rows, as FragmentSums counts them */
  static constexpr int kM = Wm / 4, kN = Wn / 8;
  float sums[kM][kN] = {};

  FUSOR_DEVICE void multiply(const unsigned char* a_tile, const unsigned char* b_tile, int first_row,
                             int first_column) {
    const int row = first_row + lane_index() / 8, column = first_column + lane_index() % 8;
#pragma unroll
    for (int chunk = 0; chunk < RowBytes / 16; ++chunk) {
      Vector<float, 4> b[kN];
#pragma unroll
      for (int j = 0; j < kN; ++j) {
        b[j] = load<4>(
            reinterpret_cast<const float*>(b_tile + swizzled_offset<RowBytes>(column + j * 8, chunk)));
      }
#pragma unroll
      for (int i = 0; i < kM; ++i) {
        const Vector<float, 4> a =
            load<4>(reinterpret_cast<const float*>(a_tile + swizzled_offset<RowBytes>(row + i * 4, chunk)));
#pragma unroll
        for (int e = 0; e < 4; ++e) {
#pragma unroll
          for (int j = 0; j < kN; ++j) sums[i][j] = fmaf(a[e], b[j][e], sums[i][j]);
        }
      }
    }
  }

  FUSOR_DEVICE void stage_rows(int i, float* staged) const {
    const int row = lane_index() / 8, column = lane_index() % 8;
#pragma unroll
    for (int m = 0; m < kM; ++m) {
      if (m / 4 != i) continue;
#pragma unroll
      for (int j = 0; j < kN; ++j)
        staged[(row + m % 4 * 4) * kStagedStride<Wn> + column + j * 8] = sums[m][j];
    }
  }
  /** See each_fragment. */
  template <class F>
  FUSOR_DEVICE void each(F f) {
    const int row = lane_index() / 8, column = lane_index() % 8;
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int j = 0; j < kN; ++j) {
        float one[1] = {sums[m][j]};
        f(row + m * 4, column + j * 8, one);
      }
    }
  }
};

}  // namespace fusor::cuda::conv2d_detail
