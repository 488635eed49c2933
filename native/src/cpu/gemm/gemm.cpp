#include "cpu/gemm/gemm.h"

#include <algorithm>

namespace fusor::cpu {

namespace {

// The epilogue's pointers moved to element (row, column) of batch `batch`.
GemmEpilogue epilogue_at(const GemmProblem& p, int64_t batch, int64_t row, int64_t column) {
  GemmEpilogue epilogue = p.epilogue;
  if (epilogue.bias) epilogue.bias += column;
  if (epilogue.residual) epilogue.residual += (batch * p.m + row) * p.n + column;
  epilogue.residual_stride = p.n;
  return epilogue;
}

int64_t batch_offset(const int64_t* offsets, int64_t batch) {
  return offsets ? offsets[batch] : 0;
}

// Up to this many rows, packing B costs more than it saves: each element of B is used `m` times only.
constexpr int64_t kDotMaxRows = 8;

// Where a matrix's rows or columns from one on begin. One without elements may have no memory to point into.
const float* part_of(const float* matrix, int64_t offset) {
  return matrix == nullptr ? nullptr : matrix + offset;
}

// Few rows, and B's columns lie contiguous: read B once, as it is.
void multiply_by_dots(OpContext& context, const GemmProblem& p) {
  constexpr int64_t kColumnsAtOnce = 32;
  const int64_t column_groups = (p.n + kColumnsAtOnce - 1) / kColumnsAtOnce;
  WorkShares shares(p.batch * column_groups, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t batch = item / column_groups, first = item % column_groups * kColumnsAtOnce;
      const int64_t columns = std::min(kColumnsAtOnce, p.n - first);
      const float* b = part_of(p.b.data, batch_offset(p.b_batch, batch) + first * p.b.column_stride);
      for (int64_t row = 0; row < p.m; row += GemmKernels::kDotRows) {
        const int rows = static_cast<int>(std::min<int64_t>(GemmKernels::kDotRows, p.m - row));
        const float* a = part_of(p.a.data, batch_offset(p.a_batch, batch) + row * p.a.row_stride);
        float* c = p.c + (batch * p.m + row) * p.n + first;
        context.kernels.gemm->dot_rows(rows, p.k, a, p.a.row_stride, b, p.b.column_stride, c, p.n, columns,
                                       epilogue_at(p, batch, row, first));
      }
    }
  });
}

// One work item is a chunk of rows times a group of panels of one batch, both packed by the thread that uses
// them: packing moves an element of A once per group_columns multiply-adds with it and one of B once per
// kRowsAtOnce.
fusor_status multiply_by_tiles(OpContext& context, const GemmProblem& p) {
  const GemmKernels& kernels = *context.kernels.gemm;
  constexpr int64_t kRowsAtOnce = 14 * 12;  // a multiple of both tile heights, 6 and 14
  const int64_t group_columns = kernels.panel_columns * GemmKernels::kGroup;
  const int64_t groups = (p.n + group_columns - 1) / group_columns;
  const int64_t chunks = (p.m + kRowsAtOnce - 1) / kRowsAtOnce;
  const int64_t depth_most = std::min(p.k, GemmKernels::kSlice);
  const int64_t a_panel = depth_most * kernels.tile_rows, b_panel = depth_most * kernels.panel_columns;
  const int64_t a_panels = kRowsAtOnce / kernels.tile_rows;
  const int64_t packed_elements = a_panel * a_panels + b_panel * GemmKernels::kGroup;
  float* packed = context.scratch.floats(packed_elements * context.threads);
  if (!packed) return fail(FUSOR_ERROR_OUT_OF_MEMORY, "no memory to pack a matrix");

  WorkShares shares(p.batch * groups * chunks, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    float* a_panels_data = packed + packed_elements * team.thread();
    float* b_panels_data = a_panels_data + a_panel * a_panels;
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t chunk = item % chunks, group = item / chunks % groups, batch = item / chunks / groups;
      const int64_t first_row = chunk * kRowsAtOnce, rows = std::min(kRowsAtOnce, p.m - first_row);
      const int64_t first_column = group * group_columns,
                    columns = std::min(group_columns, p.n - first_column);
      const float* a = part_of(p.a.data, batch_offset(p.a_batch, batch) + first_row * p.a.row_stride);
      const float* b = part_of(p.b.data, batch_offset(p.b_batch, batch) + first_column * p.b.column_stride);
      float* c = p.c + (batch * p.m + first_row) * p.n + first_column;
      // An empty sum still has an epilogue: one slice of depth 0.
      for (int64_t k = 0; k == 0 || k < p.k; k += GemmKernels::kSlice) {
        const int64_t depth = std::min(GemmKernels::kSlice, p.k - k);
        const bool last = k + depth == p.k;
        for (int64_t i = 0; i < rows; i += kernels.tile_rows)
          kernels.pack_a({a + i * p.a.row_stride + k * p.a.column_stride, p.a.row_stride, p.a.column_stride},
                         std::min<int64_t>(kernels.tile_rows, rows - i), depth,
                         a_panels_data + i / kernels.tile_rows * a_panel);
        for (int64_t j = 0; j < columns; j += kernels.panel_columns)
          kernels.pack_b({b + k * p.b.row_stride + j * p.b.column_stride, p.b.row_stride, p.b.column_stride},
                         depth, std::min<int64_t>(kernels.panel_columns, columns - j),
                         b_panels_data + j / kernels.panel_columns * b_panel);
        for (int64_t i = 0; i < rows; i += kernels.tile_rows)
          for (int64_t j = 0; j < columns; j += kernels.panel_columns) {
            const GemmEpilogue epilogue = epilogue_at(p, batch, first_row + i, first_column + j);
            kernels.tile(static_cast<int>(std::min<int64_t>(kernels.tile_rows, rows - i)), depth,
                         a_panels_data + i / kernels.tile_rows * a_panel,
                         b_panels_data + j / kernels.panel_columns * b_panel, c + i * p.n + j, p.n,
                         std::min<int64_t>(kernels.panel_columns, columns - j), k > 0,
                         last ? &epilogue : nullptr);
          }
      }
    }
  });
  return FUSOR_OK;
}

}  // namespace

fusor_status multiply(OpContext& context, const GemmProblem& problem) {
  if (problem.batch * problem.m * problem.n == 0) return FUSOR_OK;
  if (problem.m <= kDotMaxRows && problem.a.column_stride == 1 && problem.b.row_stride == 1) {
    multiply_by_dots(context, problem);
    return FUSOR_OK;
  }
  return multiply_by_tiles(context, problem);
}

}  // namespace fusor::cpu
