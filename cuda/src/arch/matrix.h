// The tensor cores of sm_80: ldmatrix and mma.sync, warp-wide. Fragments as in the PTX manual, with g = lane
// / 4 and t = lane % 4:
//   A 16x16 (row-major):  a[0] row g, columns 2t, 2t+1;  a[1] row g+8;  a[2], a[3] the same at columns 2t+8,
//   2t+9 B 16x8:               b[0] rows 2t, 2t+1, column g;  b[1] rows 2t+8, 2t+9 C, D 16x8: c[0], c[1] row
//   g, columns 2t, 2t+1;  c[2], c[3] row g+8
#pragma once

#include "arch/async_copy.h"
#include "arch/types.h"

namespace fusor::cuda {

/** Four 8x8 matrices of 16-bit elements: lane 8i + j gives the address of row j of matrix i (16 bytes,
 * aligned), and gets of each matrix row g, columns 2t and 2t+1. */
FUSOR_DEVICE void ldmatrix_x4(uint32_t (&r)[4], const void* shared_row) {
#if defined(__CUDACC__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(shared_row))
               : "memory");
#else
  emulator::ldmatrix(r, 4, false, shared_row);
#endif
}

/** The same, each matrix transposed: row 2t and 2t+1 of column g. */
FUSOR_DEVICE void ldmatrix_x4_transposed(uint32_t (&r)[4], const void* shared_row) {
#if defined(__CUDACC__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(shared_row))
               : "memory");
#else
  emulator::ldmatrix(r, 4, true, shared_row);
#endif
}

/** Two matrices; lanes 0 to 15 give the addresses (the others' must be valid too). */
FUSOR_DEVICE void ldmatrix_x2(uint32_t (&r)[2], const void* shared_row) {
#if defined(__CUDACC__)
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(shared_row))
               : "memory");
#else
  emulator::ldmatrix(r, 2, false, shared_row);
#endif
}

#if defined(__CUDACC__)
template <class T>
FUSOR_DEVICE void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  if constexpr (std::is_same_v<T, bf16>) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    static_assert(std::is_same_v<T, f16>);
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
}
#endif

/** d[i][j] += a[i] b[j]: the tiles of a warp over 16 of the inner dimension. One call, so that the emulator
 * hands over between fibers once instead of Rows * Columns times. T is bf16 or f16. */
template <class T, int Rows, int Columns>
FUSOR_DEVICE void mma_tile(float (&d)[Rows][Columns][4], const uint32_t (&a)[Rows][4],
                           const uint32_t (&b)[Columns][2]) {
#if defined(__CUDACC__)
#pragma unroll
  for (int i = 0; i < Rows; ++i) {
#pragma unroll
    for (int j = 0; j < Columns; ++j) mma_m16n8k16<T>(d[i][j], a[i], b[j]);
  }
#else
  emulator::mma_m16n8k16(&d[0][0][0], &a[0][0], &b[0][0], Rows, Columns, std::is_same_v<T, bf16>);
#endif
}

/** The float nearest in tf32's 10 bits of mantissa (ties away from zero), as bits. */
FUSOR_DEVICE uint32_t to_tf32(float x) {
#if defined(__CUDACC__)
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
#else
  return emulator::to_tf32(x);
#endif
}

/** d[i][j] += a[i] b[j] over 8 of the inner dimension, tf32 operands:
 *   A 16x8: a[0] row g, column t;  a[1] row g+8;  a[2], a[3] the same at column t+4
 *   B 8x8:  b[0] row t, column g;  b[1] row t+4 */
template <int Rows, int Columns>
FUSOR_DEVICE void mma_tile_tf32(float (&d)[Rows][Columns][4], const uint32_t (&a)[Rows][4],
                                const uint32_t (&b)[Columns][2]) {
#if defined(__CUDACC__)
#pragma unroll
  for (int i = 0; i < Rows; ++i) {
#pragma unroll
    for (int j = 0; j < Columns; ++j) {
      asm volatile(
          "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
          "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
          : "+f"(d[i][j][0]), "+f"(d[i][j][1]), "+f"(d[i][j][2]), "+f"(d[i][j][3])
          : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]), "r"(b[j][0]), "r"(b[j][1]));
    }
  }
#else
  emulator::mma_m16n8k8_tf32(&d[0][0][0], &a[0][0], &b[0][0], Rows, Columns);
#endif
}

}  // namespace fusor::cuda
