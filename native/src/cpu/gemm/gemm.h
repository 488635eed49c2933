// Matrix products: C = activation(A B + bias + residual), row-major f32, for linear and matmul.
//
// Both are packed: B into panels of two vectors of columns, [k][2 * lanes], so that one step of k is two
// loads; A into panels of tile_rows rows, [k][tile_rows], from which values are broadcast in order. A
// register tile holds tile_rows x 2 accumulators:
//   16 registers: 6 x 2 = 12 accumulators + 2 of B + 1 broadcast; 12 independent chains cover the 4 to 5
//   cycles of latency at 2 FMAs a cycle.   32 registers: 14 x 2 = 28 accumulators + 2 + 1.
// k is cut into slices of kSlice, so that a tile's rows of A (14 * 256 * 4 bytes = 14 KB) and one panel slice
// of B (256 * 128 bytes = 32 KB at 16 lanes) stay near L1 and a group of panels in L2. Partial sums wait in
// C. The order of a sum depends on k alone: rows and columns may be split in any way.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

// A matrix, or one of a batch. Strides in elements.
struct MatrixView {
  const float* data;
  int64_t row_stride, column_stride;
};

// What happens to a finished sum. Null pointers are absent.
struct GemmEpilogue {
  const float* bias = nullptr;      // per column
  const float* residual = nullptr;  // like C
  int64_t residual_stride = 0;      // between rows
  fusor_activation activation{};
};

struct GemmKernels {
  static constexpr int64_t kSlice = 256;  // steps of k between visits to C
  static constexpr int kGroup = 4;        // panels packed together
  static constexpr int kDotRows = 4;      // rows of A per call of dot_rows

  int tile_rows, panel_columns;
  // Packs `depth` rows and `columns` (at most panel_columns; the rest is zero) of B.
  void (*pack_b)(const MatrixView& b, int64_t depth, int64_t columns, float* panel);
  // Packs `rows` (at most tile_rows; the rest is left as it is) and `depth` columns of A.
  void (*pack_a)(const MatrixView& a, int64_t rows, int64_t depth, float* panel);
  // rows (1 to tile_rows) x columns (1 to panel_columns) of C, plus what C holds if `accumulate`; with
  // `epilogue`, whose pointers are at the tile's first element, after the last slice.
  void (*tile)(int rows, int64_t depth, const float* a_panel, const float* b_panel, float* c,
               int64_t c_stride, int64_t columns, bool accumulate, const GemmEpilogue* epilogue);
  // C[i][j] = dot(A row i, B column j) for rows (1 to kDotRows) of few-row products: B's columns are
  // contiguous (B = weight transposed), each is read once.
  void (*dot_rows)(int rows, int64_t depth, const float* a, int64_t a_stride, const float* b,
                   int64_t b_stride, float* c, int64_t c_stride, int64_t columns,
                   const GemmEpilogue& epilogue);
};

struct GemmProblem {
  int64_t m, n, k;
  int64_t batch;
  MatrixView a, b;                   // of batch 0
  const int64_t *a_batch, *b_batch;  // offsets of each batch's matrices, in elements; null: batch is 1
  float* c;                          // [batch, m, n] contiguous
  GemmEpilogue epilogue;             // of batch 0; a residual is contiguous like C
};

// Inside a Pool::Turn. FUSOR_ERROR_OUT_OF_MEMORY if scratch cannot be had.
fusor_status multiply(OpContext& context, const GemmProblem& problem);

extern const OpEntry linear_op, matmul_op;

}  // namespace fusor::cpu
