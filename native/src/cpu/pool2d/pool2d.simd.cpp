// Pooling: each output pixel is the maximum (or mean) of the taps of its window, a vector being one pixel of
// one channel block. A 3x3 window at stride 2 reads every pixel 9/4 times from L1 and does two operations per
// tap: memory traffic, one read and a quarter of a write per input pixel, is the limit.
#include "cpu/pool2d/pool2d.h"

#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

// NaN once seen stays, as in PyTorch.
FUSOR_INLINE Vec maximum_keeping_nan(Vec so_far, Vec x) {
  return select(so_far == so_far, maximum(so_far, x), so_far);
}

template <bool kMean>
void pool_row(const PoolRow& row) {
  const Vec empty = load(row.empty);
  float* output = row.output;
  for (int64_t x = 0; x < row.width; ++x, output += kLanes) {
    const PoolWindow column = row.columns[x];
    if (row.rows.count == 0 || column.count == 0) {
      store(output, empty);
      continue;
    }
    const float* tap_row = row.source + static_cast<int64_t>(column.start) * kLanes;
    Vec result = kMean ? zero() : load(tap_row);
    for (int32_t r = 0; r < row.rows.count; ++r, tap_row += row.row_step) {
      const float* tap = tap_row;
      for (int32_t s = 0; s < column.count; ++s, tap += row.column_step)
        result = kMean ? result + load(tap) : maximum_keeping_nan(result, load(tap));
    }
    if (kMean)
      result =
          result / broadcast(static_cast<float>(static_cast<int64_t>(row.rows.divisor) * column.divisor));
    store(output, result);
  }
}

}  // namespace

extern const Pool2dKernels pool2d_kernels;
const Pool2dKernels pool2d_kernels{pool_row<false>, pool_row<true>};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
