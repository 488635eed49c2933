// Convolution as a matrix product, for sm_80 and later: y [n p q, k] = A [n p q, r s c] * B [k, r s c]
// transposed, with A gathered from the image while it is copied to shared memory (see loader.h).
//
// A block makes Bm x Bn sums. Its loop: `Stages` tiles of A and B are in shared memory or on their way
// (cp.async); each turn waits for the oldest, starts the copy of the one `Stages - 1` ahead into the place
// that was multiplied last, and multiplies. One barrier a turn: it tells that the oldest tile is there for
// all, and that the place is free.
//
// Napkin, 128 x 128 x 32, bf16: a turn copies (128 + 128) * 64 = 16 KiB and does 2 * 128 * 128 * 32 = 1
// MFLOP: 64 FLOP a byte from the L2, whose 5 TB/s on an A100 feed 320 TFLOP/s; its tensor cores have 312.
// From shared memory each of the 8 warps reads 64 + 32 rows of 64 bytes, together 48 KiB, 384 clocks at 128
// bytes a clock; the tensor cores take 1 MFLOP / 2048 = 512 clocks: they are the limit, by little. 64 sums a
// thread and 4 stages of 16 KiB let two blocks share a multiprocessor, by registers (256 threads * 128) and
// by memory.
#pragma once

#include <algorithm>

#include "arch/launch.h"
#include "conv2d/conv2d.h"
#include "conv2d/epilogue.h"
#include "conv2d/loader.h"
#include "conv2d/math.h"

namespace fusor::cuda::conv2d_detail {

template <int Bm_, int Bn_, int Wm_, int Wn_, int RowBytes_, int Stages_>
struct TileShape {
  static constexpr int Bm = Bm_, Bn = Bn_, Wm = Wm_, Wn = Wn_, RowBytes = RowBytes_, Stages = Stages_;
  static constexpr int kWarpsM = Bm / Wm, kWarpsN = Bn / Wn, kThreads = kWarpsM * kWarpsN * kWarpSize;
  static constexpr int kBytesA = Bm * RowBytes, kBytesB = Bn * RowBytes;
  static constexpr int kPipelineBytes = Stages * (kBytesA + kBytesB);
  static constexpr int kStagedBytes = kWarpsM * kWarpsN * 16 * kStagedStride<Wn> * 4;
  static constexpr int kSharedBytes = kPipelineBytes > kStagedBytes ? kPipelineBytes : kStagedBytes;
};

template <class T>
struct GemmOperands {
  const T *x, *weight;
  Epilogue<T> epilogue;
  int splits, tiles_per_split;
  bool aligned; /* vectors of y, bias and residual */
  BatchSteps batch{1, 0, {}, {}, {}};
  int64_t first_matrix = 0; /* of the batch, in this launch */
};

/** The pipeline: tiles of A and B through shared memory, `tiles` of them, into the warps' sums. Ends with all
 * copies landed and all reads done: the memory is free for something else. */
template <class Shape, class Pixels, class Filters, class Math>
FUSOR_DEVICE void multiply_tiles(unsigned char* shared, int tiles, Pixels& pixels, Filters& filters,
                                 Math& math, int warp_row, int warp_column) {
  const auto a_tile = [&](int stage) { return shared + stage * Shape::kBytesA; };
  const auto b_tile = [&](int stage) {
    return shared + Shape::Stages * Shape::kBytesA + stage * Shape::kBytesB;
  };
#pragma unroll
  for (int stage = 0; stage < Shape::Stages - 1; ++stage) {
    if (stage < tiles) {
      pixels.load(a_tile(stage));
      filters.load(b_tile(stage));
    }
    async_copy_commit();  // empty groups keep the count
  }
  int reading = 0, writing = Shape::Stages - 1;
  for (int tile = 0; tile < tiles; ++tile) {
    async_copy_wait<Shape::Stages - 2>();
    __syncthreads();
    if (tile + Shape::Stages - 1 < tiles) {
      pixels.load(a_tile(writing));
      filters.load(b_tile(writing));
    }
    async_copy_commit();
    math.multiply(a_tile(reading), b_tile(reading), warp_row, warp_column);
    reading = reading + 1 == Shape::Stages ? 0 : reading + 1;
    writing = writing + 1 == Shape::Stages ? 0 : writing + 1;
  }
  async_copy_wait<0>();
  __syncthreads();
}

/** grid: tiles of rows, tiles of channels, matrices of the batch * groups * splits. */
template <class T, class Shape, class Math, int Piece, bool Pointwise>
__global__ void __launch_bounds__(Shape::kThreads)
    implicit_gemm(const __grid_constant__ Geometry g, const __grid_constant__ GemmOperands<T> operands) {
  begin_after_earlier_launches();
  FUSOR_DYNAMIC_SHARED(unsigned char, shared);
  constexpr int kColumns = Shape::RowBytes / static_cast<int>(sizeof(T));
  const int slice = blockIdx.z / operands.splits, split = blockIdx.z % operands.splits;
  const int in_launch = slice / g.groups, group = slice - in_launch * g.groups;
  const BatchSteps::Offsets start = operands.batch.at(operands.first_matrix + in_launch);
  const int64_t first_row = int64_t{blockIdx.x} * Shape::Bm;
  const int first_channel = blockIdx.y * Shape::Bn;
  const int all_tiles = (g.inner + kColumns - 1) / kColumns;
  const int first_tile = split * operands.tiles_per_split;
  const int tiles = min(operands.tiles_per_split, all_tiles - first_tile);

  PixelLoader<T, Shape::Bm, Shape::RowBytes, Shape::kThreads, Piece, Pointwise> pixels(
      g, operands.x + start.x + group * g.c, RowsInOrder{first_row}, first_tile * kColumns);
  FilterLoader<T, Shape::Bn, Shape::RowBytes, Shape::kThreads, Piece> filters(
      g, operands.weight + start.weight + int64_t{group} * g.k * g.inner, first_channel,
      first_tile * kColumns);
  const int warp = warp_index();
  const int warp_row = warp / Shape::kWarpsN * Shape::Wm, warp_column = warp % Shape::kWarpsN * Shape::Wn;
  Math math;
  multiply_tiles<Shape>(shared, tiles, pixels, filters, math, warp_row, warp_column);

  // Results lie one matrix after the other, partial sums one split of all of them after the other.
  Epilogue<T> epilogue = operands.epilogue;
  const int64_t matrix = operands.first_matrix + in_launch, elements = g.rows * g.pixel_y;
  epilogue.y += matrix * elements;
  if (epilogue.partial != nullptr) epilogue.partial += (split * operands.batch.count + matrix) * elements;

  // The tiles' memory is now the staging rows'.
  float* staged = reinterpret_cast<float*>(shared) + warp * 16 * kStagedStride<Shape::Wn>;
#pragma unroll
  for (int i = 0; i < Shape::Wm / 16; ++i) {
    math.stage_rows(i, staged);
    __syncwarp();
    finish_staged_rows<Shape::Wn>(epilogue, staged, first_row + warp_row + i * 16,
                                  first_channel + warp_column, group * g.k + first_channel + warp_column, g,
                                  operands.aligned);
    __syncwarp();
  }
}

/** How one combination is launched. */
template <class T, class Shape, class Math, int Piece, bool Pointwise>
Status launch_implicit_gemm(Stream& stream, const Geometry& g, GemmOperands<T> operands) {
  constexpr int kColumns = Shape::RowBytes / static_cast<int>(sizeof(T));
  const int tiles = (g.inner + kColumns - 1) / kColumns;
  operands.tiles_per_split = (tiles + operands.splits - 1) / operands.splits;
  constexpr int64_t kMostLayers = 65535;
  const int64_t layers = int64_t{g.groups} * operands.splits,
                together = std::max<int64_t>(kMostLayers / layers, 1);
  for (int64_t first = 0; first < operands.batch.count; first += together) {
    operands.first_matrix = first;
    const int64_t matrices = std::min(together, operands.batch.count - first);
    const LaunchShape shape(dim3(blocks_for(g.rows, Shape::Bm), blocks_for(g.k, Shape::Bn),
                                 static_cast<unsigned>(matrices * layers)),
                            Shape::kThreads, Shape::kSharedBytes);
    FUSOR_RETURN_IF_ERROR(
        launch_early(implicit_gemm<T, Shape, Math, Piece, Pointwise>, shape, stream, g, operands));
  }
  return {};
}

/** For each dtype a source file of its own: they compile side by side. */
template <class T>
Status run_implicit_gemm(Stream& stream, const Geometry& g, const GemmOperands<T>& operands, Tile tile,
                         int piece, Precision precision);

/** Adds the splits' sums of `rows` rows up in order and finishes. */
template <class T>
Status add_splits(Stream& stream, const Geometry& g, int64_t rows, const Epilogue<T>& epilogue, int splits,
                  bool aligned);

}  // namespace fusor::cuda::conv2d_detail
