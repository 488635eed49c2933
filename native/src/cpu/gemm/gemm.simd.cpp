// The register tiles of gemm.h. Limit: two FMAs a cycle; a tile of R rows does 2 R FMAs per 2 vector loads
// and R broadcasts.
#include "cpu/gemm/gemm.h"

#include "cpu/simd/activation.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr int kTileRows = kRegisters == 32 ? 14 : 6;
constexpr int kPanelColumns = 2 * kLanes;

void pack_b(const MatrixView& b, int64_t depth, int64_t columns, float* panel) {
  if (columns == kPanelColumns && b.column_stride == 1) {
    for (int64_t k = 0; k < depth; ++k, panel += kPanelColumns) {
      const float* row = b.data + k * b.row_stride;
      store(panel, load(row));
      store(panel + kLanes, load(row + kLanes));
    }
    return;
  }
  // Columns outside: each column of a transposed weight is read in order.
  for (int64_t j = 0; j < kPanelColumns; ++j)
    for (int64_t k = 0; k < depth; ++k)
      panel[k * kPanelColumns + j] = j < columns ? b.data[k * b.row_stride + j * b.column_stride] : 0.f;
}

void pack_a(const MatrixView& a, int64_t rows, int64_t depth, float* panel) {
  for (int64_t i = 0; i < rows; ++i) {
    const float* row = a.data + i * a.row_stride;
    for (int64_t k = 0; k < depth; ++k) panel[k * kTileRows + i] = row[k * a.column_stride];
  }
}

FUSOR_INLINE int lanes_of(int64_t columns, int64_t first) {
  const int64_t left = columns - first;
  return static_cast<int>(left < 0 ? 0 : left > kLanes ? kLanes : left);
}

FUSOR_INLINE Vec load_columns(const float* p, int count) {
  return count == kLanes ? load(p) : load_partial(p, count);
}
FUSOR_INLINE void store_columns(float* p, Vec v, int count) {
  if (count == kLanes)
    store(p, v);
  else
    store_partial(p, v, count);
}

// Adds what the epilogue asks for and stores the tile. Its own function, and loops that are not unrolled: a
// tile is finished once per k, and the activations inlined for every accumulator of every tile height would
// be megabytes of code.
__attribute__((noinline)) void finish(int rows, const float* sums, float* c, int64_t c_stride,
                                      int64_t columns, const GemmEpilogue& epilogue) {
#pragma GCC unroll 1
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 1
    for (int offset = 0; offset < kPanelColumns; offset += kLanes) {
      const int count = lanes_of(columns, offset);
      Vec v = load(sums + i * kPanelColumns + offset);
      if (epilogue.bias) v = v + load_columns(epilogue.bias + offset, count);
      if (epilogue.residual)
        v = v + load_columns(epilogue.residual + i * epilogue.residual_stride + offset, count);
      store_columns(c + i * c_stride + offset, activate(v, epilogue.activation), count);
    }
}

template <int kRows>
void tile_of(int64_t depth, const float* a_panel, const float* b_panel, float* c, int64_t c_stride,
             int64_t columns, bool accumulate, const GemmEpilogue* epilogue) {
  const int counts[2] = {lanes_of(columns, 0), lanes_of(columns, kLanes)};
  Vec sums[kRows][2];
#pragma GCC unroll 14
  for (int i = 0; i < kRows; ++i) {
    sums[i][0] = accumulate ? load_columns(c + i * c_stride, counts[0]) : zero();
    sums[i][1] = accumulate ? load_columns(c + i * c_stride + kLanes, counts[1]) : zero();
  }
  for (int64_t k = 0; k < depth; ++k, a_panel += kTileRows, b_panel += kPanelColumns) {
    const Vec b0 = load(b_panel), b1 = load(b_panel + kLanes);
#pragma GCC unroll 14
    for (int i = 0; i < kRows; ++i) {
      const Vec x = broadcast(a_panel[i]);
      sums[i][0] = multiply_add(x, b0, sums[i][0]);
      sums[i][1] = multiply_add(x, b1, sums[i][1]);
    }
  }
  float results[kRows * kPanelColumns];
#pragma GCC unroll 14
  for (int i = 0; i < kRows; ++i) {
    store(results + i * kPanelColumns, sums[i][0]);
    store(results + i * kPanelColumns + kLanes, sums[i][1]);
  }
  finish(kRows, results, c, c_stride, columns, epilogue ? *epilogue : GemmEpilogue{});
}

using TileFunction = void (*)(int64_t, const float*, const float*, float*, int64_t, int64_t, bool,
                              const GemmEpilogue*);

void tile(int rows, int64_t depth, const float* a_panel, const float* b_panel, float* c, int64_t c_stride,
          int64_t columns, bool accumulate, const GemmEpilogue* epilogue) {
#if FUSOR_SIMD_REGISTERS == 32
  static constexpr TileFunction tiles[] = {tile_of<1>,  tile_of<2>,  tile_of<3>,  tile_of<4>, tile_of<5>,
                                           tile_of<6>,  tile_of<7>,  tile_of<8>,  tile_of<9>, tile_of<10>,
                                           tile_of<11>, tile_of<12>, tile_of<13>, tile_of<14>};
#else
  static constexpr TileFunction tiles[] = {tile_of<1>, tile_of<2>, tile_of<3>,
                                           tile_of<4>, tile_of<5>, tile_of<6>};
#endif
  static_assert(sizeof tiles / sizeof tiles[0] == kTileRows);
  tiles[rows - 1](depth, a_panel, b_panel, c, c_stride, columns, accumulate, epilogue);
}

FUSOR_INLINE float sum_lanes(Vec v) {
  float lanes[kLanes];
  store(lanes, v);
  for (int step = kLanes / 2; step > 0; step /= 2)
    for (int i = 0; i < step; ++i) lanes[i] += lanes[i + step];
  return lanes[0];
}

// Four columns of B at a time: with kRows rows of A that is 4 kRows independent chains, and every load of B
// is used kRows times. Bound by reading B once from memory.
template <int kRows, int kColumns>
FUSOR_INLINE void dot_block(int64_t depth, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                            float (&results)[GemmKernels::kDotRows][4]) {
  Vec sums[kRows][kColumns];
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kColumns; ++j) sums[i][j] = zero();
  int64_t k = 0;
  for (; k + kLanes <= depth; k += kLanes) {
    Vec columns[kColumns];
    for (int j = 0; j < kColumns; ++j) columns[j] = load(b + j * b_stride + k);
    for (int i = 0; i < kRows; ++i) {
      const Vec x = load(a + i * a_stride + k);
      for (int j = 0; j < kColumns; ++j) sums[i][j] = multiply_add(x, columns[j], sums[i][j]);
    }
  }
  if (k < depth) {
    const int rest = static_cast<int>(depth - k);
    for (int j = 0; j < kColumns; ++j) {
      const Vec column = load_partial(b + j * b_stride + k, rest);
      for (int i = 0; i < kRows; ++i)
        sums[i][j] = multiply_add(load_partial(a + i * a_stride + k, rest), column, sums[i][j]);
    }
  }
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kColumns; ++j) results[i][j] = sum_lanes(sums[i][j]);
}

__attribute__((noinline)) void finish_dots(int rows, const float (&results)[GemmKernels::kDotRows][4],
                                           float* c, int64_t c_stride, int64_t column, int count,
                                           const GemmEpilogue& epilogue) {
#pragma GCC unroll 1
  for (int i = 0; i < rows; ++i) {
    Vec v = load_partial(results[i], count);
    if (epilogue.bias) v = v + load_partial(epilogue.bias + column, count);
    if (epilogue.residual)
      v = v + load_partial(epilogue.residual + i * epilogue.residual_stride + column, count);
    store_partial(c + i * c_stride, activate(v, epilogue.activation), count);
  }
}

template <int kRows>
void dot_rows_of(int64_t depth, const float* a, int64_t a_stride, const float* b, int64_t b_stride, float* c,
                 int64_t c_stride, int64_t columns, const GemmEpilogue& epilogue) {
  for (int64_t j = 0; j < columns;) {
    const int count = columns - j >= 4 ? 4 : 1;
    float results[GemmKernels::kDotRows][4];
    if (count == 4)
      dot_block<kRows, 4>(depth, a, a_stride, b + j * b_stride, b_stride, results);
    else
      dot_block<kRows, 1>(depth, a, a_stride, b + j * b_stride, b_stride, results);
    finish_dots(kRows, results, c + j, c_stride, j, count, epilogue);
    j += count;
  }
}

void dot_rows(int rows, int64_t depth, const float* a, int64_t a_stride, const float* b, int64_t b_stride,
              float* c, int64_t c_stride, int64_t columns, const GemmEpilogue& epilogue) {
  using Function = void (*)(int64_t, const float*, int64_t, const float*, int64_t, float*, int64_t, int64_t,
                            const GemmEpilogue&);
  static constexpr Function functions[] = {dot_rows_of<1>, dot_rows_of<2>, dot_rows_of<3>, dot_rows_of<4>};
  functions[rows - 1](depth, a, a_stride, b, b_stride, c, c_stride, columns, epilogue);
}

}  // namespace

extern const GemmKernels gemm_kernels;
const GemmKernels gemm_kernels{kTileRows, kPanelColumns, pack_b, pack_a, tile, dot_rows};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
