// Convolution as a matrix product on Hopper: the copy engine gathers the pixels under the filter (TMA im2col)
// and the weights into 128-byte swizzled tiles, wgmma multiplies them out of shared memory, and the copy
// engine brings the residual and takes the results away. Threads compute addresses of nothing but sums.
//
// Three warpgroups share a multiprocessor for the whole launch (one block each, persistent):
//   producer      one thread: keeps `Stages` stages of A (128 pixels x 64 inputs) and B (Bn filters x 64
//   inputs) on their way consumer 0, 1 in turn: while one multiplies its tile of 128 x Bn outputs, the other
//   finishes its own. So the tensor cores
//                 do not wait for epilogues, which for 1x1 convolutions of 64 channels (one stage a tile) are
//                 most of the work.
// The two take turns at the ring by named barriers: a consumer that waited for a stage two rounds ahead would
// be let through by the parity of the round before.
//
// Napkin, H200, Bn = 128: a stage is 32 KiB and 2.1 MFLOP: 512 clocks of a multiprocessor's tensor cores
// (4096 FLOP a clock). In these, wgmma reads 2 * (64 + 128) rows of 128 bytes from shared memory, 48 KiB of
// the 64 KiB that it can give, and the copy engine brings 64 bytes a clock, which is all that the L2 gives
// one multiprocessor. So long sums run near the limit of both; tiles of 128 x 256, or clusters that share
// their copies, would ask the L2 for less: to be measured before it is built. Shared memory: 5 stages * 32
// KiB + 2 * 32 KiB of outputs + barriers = 224 KiB + 256 bytes of 227 KiB. Registers: 2 * 64 sums and some 40
// more: 224 for consumers, 56 for the producer; (2 * 224 + 56) * 128 = 64512 of 65536. Memory-bound layers
// (56 x 56, 64 -> 256, batch 256): 0.8 M rows * (64 + 256 + 256 residual) * 2 bytes = 925 MB, 215 us at 4.3
// TB/s; 26 GFLOP take 33 us. What counts there is that loads and stores of neighbouring tiles overlap, which
// they do.
#include "conv2d/hopper.h"

#include <algorithm>

#include "arch/barrier.h"
#include "arch/launch.h"
#include "arch/tma.h"
#include "arch/vector.h"
#include "arch/warp.h"
#include "arch/wgmma.h"
#include "conv2d/geometry.h"

#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#error "compile this file for sm_90a"
#endif

namespace fusor::cuda {
namespace {

constexpr int kBm = 128, kInner = 64, kWarpgroup = 128, kThreads = 3 * kWarpgroup;
constexpr int kRowBytes = 128, kABytes = kBm * kRowBytes;

template <int Bn>
struct Layout {
  static constexpr int kStages = Bn == 128 ? 5 : 8;
  static constexpr int kBBytes = Bn * kRowBytes, kStageBytes = kABytes + kBBytes;
  static constexpr int kSlabs = Bn / kInner; /* of 64 channels: what a row of 128 bytes holds */
  static constexpr int kSlabBytes = kBm * kRowBytes;
  static constexpr int kOutputBytes = kSlabs * kSlabBytes; /* of one consumer */
  static constexpr int kBarriers = 2 * kStages + 2;
  static constexpr int kSharedBytes = kStages * kStageBytes + 2 * kOutputBytes + kBarriers * 8;
};

struct Problem {
  int64_t rows; /* n p q, of one matrix */
  int k, c, r, s, p, q;
  int pad_top, pad_left, stride_h, stride_w, dilation_h, dilation_w;
  int row_tiles, channel_tiles;
  int channel_steps;               /* of 64 inputs, for each place of the filter */
  int splits, steps_per_split;     /* of the sum over these; the last split may have fewer */
  float* partial;                  /* with splits: [split][matrix][row][channel], instead of results */
  float low, high;                 /* activation: max(low), min(high) */
  bool pointwise;                  /* A is a plain matrix */
  bool constant_weight;            /* B may be read before earlier launches have ended */
  conv2d_detail::BatchSteps batch; /* steps in rows of A and of B; of pointwise problems only */
};

/** Where a tile starts. Tiles of the same pixels follow each other, so that blocks that run together share
 * them in the L2. There are fewer than 2^31 (hopper_conv2d_supports). */
struct TileOrigin {
  int64_t row; /* of its matrix */
  int channel, matrix, split;
  FUSOR_DEVICE static TileOrigin at(int tile, int bn, const Problem& problem) {
    const int rows = tile / problem.channel_tiles, slices = rows / problem.row_tiles;
    const int matrices = static_cast<int>(problem.batch.count), split = slices / matrices;
    return {int64_t{rows - slices * problem.row_tiles} * kBm, (tile - rows * problem.channel_tiles) * bn,
            slices - split * matrices, split};
  }
  FUSOR_DEVICE int first_step(const Problem& problem) const { return split * problem.steps_per_split; }
  FUSOR_DEVICE int steps(const Problem& problem) const {
    return min(problem.steps_per_split, problem.r * problem.s * problem.channel_steps - first_step(problem));
  }
};

/** The place of the filter and the channels, 64 of them, that a step multiplies. */
struct Step {
  int tap, r, s, channels;
  FUSOR_DEVICE static Step at(int index, const Problem& problem) {
    const int tap = index / problem.channel_steps, r = tap / problem.s;
    return {tap, r, tap - r * problem.s, index - tap * problem.channel_steps};
  }
  FUSOR_DEVICE void advance(const Problem& problem) {
    if (++channels < problem.channel_steps) return;
    channels = 0;
    ++tap;
    if (++s < problem.s) return;
    s = 0;
    ++r;
  }
};

/** A position in the ring of stages and the parity of its round. */
template <int Stages>
struct RingPosition {
  int stage = 0, parity = 0;
  FUSOR_DEVICE void advance(int by) {
    stage += by;
    while (stage >= Stages) {
      stage -= Stages;
      parity ^= 1;
    }
  }
};

/** Byte offset of a pair of channels in a swizzled slab. */
FUSOR_DEVICE int swizzled_pair(int row, int column) {
  const int chunk = column / 8;
  return row * kRowBytes + ((chunk ^ (row & 7)) << 4) + column % 8 * 2;
}

template <class T, int Bn>
__global__ void __launch_bounds__(kThreads, 1)
    hopper_implicit_gemm(const __grid_constant__ TensorMap x_map,
                         const __grid_constant__ TensorMap weight_map,
                         const __grid_constant__ TensorMap residual_map,
                         const __grid_constant__ TensorMap y_map, const T* bias, const bool with_residual,
                         const __grid_constant__ Problem problem) {
  using L = Layout<Bn>;
  FUSOR_DYNAMIC_SHARED(unsigned char, shared);
  unsigned char* const outputs = shared + L::kStages * L::kStageBytes;
  MBarrier* const full = reinterpret_cast<MBarrier*>(outputs + 2 * L::kOutputBytes);
  MBarrier* const empty = full + L::kStages;
  MBarrier* const residual_here = empty + L::kStages;
  const auto a_tile = [&](int stage) { return shared + stage * L::kStageBytes; };
  const auto b_tile = [&](int stage) { return shared + stage * L::kStageBytes + kABytes; };

  const int thread = threadIdx.x, warpgroup = thread / kWarpgroup;
  if (thread == 0) {
    for (int i = 0; i < L::kStages; ++i) {
      mbarrier_initialise(full + i, 1);
      mbarrier_initialise(empty + i, 1);
    }
    mbarrier_initialise(residual_here + 0, 1);
    mbarrier_initialise(residual_here + 1, 1);
    mbarrier_initialise_fence();
    tma_prefetch(&x_map);
    tma_prefetch(&weight_map);
  }
  let_next_launch_begin();
  __syncthreads();

  const int tiles =
      static_cast<int>(problem.splits * problem.batch.count * problem.row_tiles) * problem.channel_tiles;

  if (warpgroup == 0) {
    give_registers<56>();
    if (thread != 0) return wait_for_earlier_launches();
    const auto request_weights = [&](int stage, const Step& step, int first_filter) {
      mbarrier_arrive_expect(full + stage, L::kStageBytes);
      tma_load_3d(b_tile(stage), &weight_map, full + stage, step.channels * kInner, step.tap, first_filter);
    };
    int requested = 0;  // of the first tile's weights, which come while earlier launches still run
    if (problem.constant_weight && static_cast<int>(blockIdx.x) < tiles) {
      const ReadsConstants constants;
      const TileOrigin origin = TileOrigin::at(blockIdx.x, Bn, problem);
      const int first_filter = static_cast<int>(problem.batch.at(origin.matrix).weight) + origin.channel;
      Step step = Step::at(origin.first_step(problem), problem);
      for (; requested < min(L::kStages, origin.steps(problem)); ++requested) {
        request_weights(requested, step, first_filter);
        step.advance(problem);
      }
    }
    wait_for_earlier_launches();
    RingPosition<L::kStages> ring;
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
      const TileOrigin origin = TileOrigin::at(tile, Bn, problem);
      const conv2d_detail::BatchSteps::Offsets start = problem.batch.at(origin.matrix);
      const int first_row = static_cast<int>(start.x + origin.row),
                first_filter = static_cast<int>(start.weight) + origin.channel;
      const int64_t pixels = int64_t{problem.p} * problem.q, image = origin.row / pixels;
      const int in_image = static_cast<int>(origin.row - image * pixels);
      const int h = in_image / problem.q * problem.stride_h - problem.pad_top;
      const int w = in_image % problem.q * problem.stride_w - problem.pad_left;
      Step step = Step::at(origin.first_step(problem), problem);
      const auto request_pixels = [&] {
        if (problem.pointwise) {
          tma_load_2d(a_tile(ring.stage), &x_map, full + ring.stage, step.channels * kInner, first_row);
        } else {
          tma_load_im2col(a_tile(ring.stage), &x_map, full + ring.stage, step.channels * kInner, w, h,
                          static_cast<int>(image), step.s * problem.dilation_w, step.r * problem.dilation_h);
        }
        ring.advance(1);
        step.advance(problem);
      };
      int left = origin.steps(problem);
      for (; requested > 0; --requested, --left) request_pixels();
      for (; left > 0; --left) {
        // The first round finds every stage free: the phase before the first has parity 1.
        mbarrier_wait(empty + ring.stage, ring.parity ^ 1);
        request_weights(ring.stage, step, first_filter);
        request_pixels();
      }
    }
    return;
  }

  wait_for_earlier_launches();
  take_registers<224>();
  const int consumer = warpgroup - 1, member = thread % kWarpgroup;
  const bool elected = member == 0;
  unsigned char* const output = outputs + consumer * L::kOutputBytes;
  constexpr int kTurn = 1, kOwn = 3;  // named barriers: + consumer
  float sums[2][Bn / 2];
  RingPosition<L::kStages> ring;
  if (consumer == 1) ring.advance(TileOrigin::at(blockIdx.x, Bn, problem).steps(problem));
  int residual_parity = 0;

  for (int j = consumer;; j += 2) {
    const int tile = blockIdx.x + j * gridDim.x;
    if (tile >= tiles) break;
    const TileOrigin origin = TileOrigin::at(tile, Bn, problem);
    const int steps = origin.steps(problem);
    if (with_residual && elected) {
      tma_store_wait_read<0>();  // the tile before has left the place
      mbarrier_arrive_expect(residual_here + consumer, L::kOutputBytes);
#pragma unroll
      for (int slab = 0; slab < L::kSlabs; ++slab) {
        tma_load_3d(output + slab * L::kSlabBytes, &residual_map, residual_here + consumer,
                    origin.channel + slab * kInner, static_cast<int>(origin.row), origin.matrix);
      }
    }

    // My turn at the ring, when the other has taken its stages.
    if (j > 0) named_barrier_wait(kTurn + consumer, 2 * kWarpgroup);
    int before = -1;  // the stage that the batch before reads
    for (int step = 0; step < steps; ++step) {
      mbarrier_wait(full + ring.stage, ring.parity);
      const uint64_t a = wgmma_descriptor(a_tile(ring.stage)), b = wgmma_descriptor(b_tile(ring.stage));
      constexpr uint64_t kSecondHalf = 64 * kRowBytes / 16;
      wgmma_fence();
#pragma unroll
      for (int k = 0; k < kInner / 16; ++k) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          wgmma<T>(sums[half], a + half * kSecondHalf + k * 2, b + k * 2, step > 0 || k > 0);
        }
      }
      wgmma_commit();
      wgmma_wait<1>();
      if (before >= 0 && elected) mbarrier_arrive(empty + before);
      before = ring.stage;
      ring.advance(1);
    }
    const int next = tile + gridDim.x;  // the other's
    if (next < tiles) named_barrier_arrive(kTurn + (consumer ^ 1), 2 * kWarpgroup);
    wgmma_wait<0>();
    if (elected) mbarrier_arrive(empty + before);
    if (next < tiles) ring.advance(TileOrigin::at(next, Bn, problem).steps(problem));
    const int lane = member % kWarpSize, first_row = member / kWarpSize * 16 + lane / 4,
              first_column = lane % 4 * 2;

    if (problem.partial != nullptr) {
      // Four lanes have 32 bytes together, a sector of the L2, which is where these go.
      float* const slice =
          problem.partial + (origin.split * problem.batch.count + origin.matrix) * problem.rows * problem.k;
#pragma unroll
      for (int i = 0; i < Bn / 8; ++i) {
        const int channel = origin.channel + i * 8 + first_column;
        if (channel >= problem.k) continue;  // k is a multiple of 8
#pragma unroll
        for (int part = 0; part < 4; ++part) {
          const int64_t row = origin.row + part / 2 * 64 + part % 2 * 8 + first_row;
          const Vector<float, 2> pair{
              {sums[part / 2][i * 4 + part % 2 * 2], sums[part / 2][i * 4 + part % 2 * 2 + 1]}};
          if (row < problem.rows) store(slice + row * problem.k + channel, pair);
        }
      }
      continue;
    }
    if (with_residual) {
      mbarrier_wait(residual_here + consumer, residual_parity);
      residual_parity ^= 1;
    } else {
      if (elected) tma_store_wait_read<0>();
      named_barrier_wait(kOwn + consumer, kWarpgroup);
    }
#pragma unroll
    for (int i = 0; i < Bn / 8; ++i) {
      const int column = i * 8 + first_column, channel = origin.channel + column;
      float bias_pair[2] = {0.f, 0.f};
      if (bias != nullptr && channel < problem.k) {  // k is a multiple of 8
        const Vector<T, 2> pair = load<2>(bias + channel);
        bias_pair[0] = to_float(pair[0]);
        bias_pair[1] = to_float(pair[1]);
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int upper = 0; upper < 2; ++upper) {
          const int row = half * 64 + upper * 8 + first_row;
          T* const place = reinterpret_cast<T*>(output + column / kInner * L::kSlabBytes +
                                                swizzled_pair(row, column % kInner));
          float value[2] = {sums[half][i * 4 + upper * 2] + bias_pair[0],
                            sums[half][i * 4 + upper * 2 + 1] + bias_pair[1]};
          if (with_residual) {
            const Vector<T, 2> pair = load<2>(place);
            value[0] += to_float(pair[0]);
            value[1] += to_float(pair[1]);
          }
          Vector<T, 2> result;
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            value[e] = value[e] < problem.low ? problem.low : value[e];  // NaN stays
            value[e] = value[e] > problem.high ? problem.high : value[e];
            result[e] = from_float<T>(value[e]);
          }
          store(place, result);
        }
      }
    }
    fence_async_shared();
    named_barrier_wait(kOwn + consumer, kWarpgroup);
    if (elected) {
#pragma unroll
      for (int slab = 0; slab < L::kSlabs; ++slab) {
        tma_store_3d(&y_map, output + slab * L::kSlabBytes, origin.channel + slab * kInner,
                     static_cast<int>(origin.row), origin.matrix);
      }
      tma_store_commit();
    }
  }
  if (elected) tma_store_wait_read<0>();
}

/** A [rows, columns] matrix in boxes of 128 x 64. */
TiledMap matrix_map(fusor_dtype dtype, const void* data, int64_t rows, int columns) {
  TiledMap map{};
  map.dtype = dtype;
  map.data = data;
  map.rank = 2;
  map.sizes[0] = columns;
  map.sizes[1] = rows;
  map.strides[0] = int64_t{columns} * 2;
  map.box[0] = kInner;
  map.box[1] = kBm;
  return map;
}

/** Results of a batch, one matrix after the other: boxes end where their matrix does. */
TiledMap results_map(fusor_dtype dtype, const void* data, int64_t matrices, int64_t rows, int columns) {
  TiledMap map = matrix_map(dtype, data, rows, columns);
  map.rank = 3;
  map.sizes[2] = matrices;
  map.strides[1] = map.strides[0] * rows;
  map.box[2] = 1;
  return map;
}

template <class T, int Bn>
Status run(Stream& stream, const Conv2dArguments& a, const TensorMap& x, const Problem& problem) {
  TensorMap weight, residual, y;
  TiledMap filters{};
  filters.dtype = a.dtype;
  filters.data = a.weight;
  filters.rank = 3;
  filters.sizes[0] = a.c;
  filters.sizes[1] = int64_t{a.r} * a.s;
  filters.sizes[2] = a.batch.weight_matrices * a.k;
  filters.strides[0] = int64_t{a.c} * 2;
  filters.strides[1] = filters.strides[0] * a.r * a.s;
  filters.box[0] = kInner;
  filters.box[1] = 1;
  filters.box[2] = Bn;
  FUSOR_RETURN_IF_ERROR(encode_tiled(&weight, filters));
  FUSOR_RETURN_IF_ERROR(encode_tiled(&y, results_map(a.dtype, a.y, a.batch.count, problem.rows, a.k)));
  residual = y;
  if (a.residual != nullptr) {
    FUSOR_RETURN_IF_ERROR(
        encode_tiled(&residual, results_map(a.dtype, a.residual, a.batch.count, problem.rows, a.k)));
  }
  const int64_t tiles = problem.splits * problem.batch.count * problem.row_tiles * problem.channel_tiles;
  const auto blocks = static_cast<unsigned>(std::min<int64_t>(tiles, stream.properties->multiprocessors));
  return launch_early(hopper_implicit_gemm<T, Bn>, LaunchShape(blocks, kThreads, Layout<Bn>::kSharedBytes),
                      stream, x, weight, residual, y, static_cast<const T*>(a.bias),
                      a.residual != nullptr && problem.partial == nullptr, problem);
}

}  // namespace

namespace {

/** Of A, B and the results, whichever has most: coordinates of the copy engine have 32 bits. */
int64_t rows_of(const Conv2dArguments& a) {
  const int64_t rows = a.n * a.p * a.q, matrices = std::max(a.batch.count, a.batch.x_matrices);
  return std::max(rows * matrices, a.k * a.batch.weight_matrices);
}

/** Of 64 channels, with as many splits of each as there may be. */
int64_t most_tiles(const Conv2dArguments& a) {
  constexpr int64_t kMostSplits = 16;
  return blocks_for(a.n * a.p * a.q, kBm) * a.batch.count * blocks_for(a.k, 64) * kMostSplits;
}

}  // namespace

bool hopper_conv2d_supports(const DeviceProperties& device, const Conv2dArguments& a) {
  const auto aligned = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; };
  const bool half = a.dtype == FUSOR_F16 || a.dtype == FUSOR_BF16;
  const bool activation = a.activation.kind == FUSOR_ACTIVATION_NONE ||
                          a.activation.kind == FUSOR_ACTIVATION_RELU ||
                          a.activation.kind == FUSOR_ACTIVATION_CLAMP;
  const auto corner = [](int value) { return value >= -128 && value <= 127; };
  const int upper_h = (a.p - 1) * a.stride_h - a.pad_top - (a.h - 1),
            upper_w = (a.q - 1) * a.stride_w - a.pad_left - (a.w - 1);
  return device.capability() == 90 && half && activation && a.groups == 1 && a.c > 0 && a.c % 8 == 0 &&
         a.k % 8 == 0 && a.stride_h <= 8 && a.stride_w <= 8 && aligned(a.x) && aligned(a.weight) &&
         aligned(a.bias) && aligned(a.residual) && aligned(a.y) && corner(-a.pad_top) &&
         corner(-a.pad_left) && corner(upper_h) && corner(upper_w) && (a.r - 1) * a.dilation_h <= 255 &&
         (a.s - 1) * a.dilation_w <= 255 && rows_of(a) < int64_t{1} << 31 &&
         most_tiles(a) < int64_t{1} << 31 && a.n > 0;
}

Status hopper_conv2d(Stream& stream, const Conv2dArguments& a, bool wide, int splits, float* partial) {
  Problem problem;
  problem.rows = a.n * a.p * a.q;
  problem.k = a.k;
  problem.c = a.c;
  problem.r = a.r;
  problem.s = a.s;
  problem.p = a.p;
  problem.q = a.q;
  problem.pad_top = a.pad_top;
  problem.pad_left = a.pad_left;
  problem.stride_h = a.stride_h;
  problem.stride_w = a.stride_w;
  problem.dilation_h = a.dilation_h;
  problem.dilation_w = a.dilation_w;
  problem.row_tiles = static_cast<int>(blocks_for(problem.rows, kBm));
  problem.channel_tiles = static_cast<int>(blocks_for(a.k, wide ? 128 : 64));
  problem.channel_steps = static_cast<int>(blocks_for(a.c, kInner));
  const int steps = a.r * a.s * problem.channel_steps;
  problem.splits = splits;
  problem.steps_per_split = (steps + splits - 1) / splits;
  problem.partial = partial;
  problem.constant_weight = a.constant_weight;
  if ((splits > 1) != (partial != nullptr) || (splits - 1) * problem.steps_per_split >= steps) {
    return {FUSOR_ERROR_INTERNAL, "conv2d: a sum cannot be split so"};
  }
  problem.low = a.activation.kind == FUSOR_ACTIVATION_RELU    ? 0.f
                : a.activation.kind == FUSOR_ACTIVATION_CLAMP ? a.activation.low
                                                              : -INFINITY;
  problem.high = a.activation.kind == FUSOR_ACTIVATION_CLAMP ? a.activation.high : INFINITY;
  problem.pointwise = a.r == 1 && a.s == 1 && a.stride_h == 1 && a.stride_w == 1 && a.pad_top == 0 &&
                      a.pad_left == 0 && a.p == a.h && a.q == a.w;
  problem.batch = {a.batch.count, a.batch.rank, {}, {}, {}};
  for (int d = 0; d < a.batch.rank; ++d) {
    problem.batch.sizes[d] = a.batch.sizes[d];
    problem.batch.x[d] = a.batch.x_steps[d] * problem.rows;
    problem.batch.weight[d] = a.batch.weight_steps[d] * a.k;
  }
  TensorMap x;
  if (problem.pointwise) {
    FUSOR_RETURN_IF_ERROR(encode_tiled(&x, matrix_map(a.dtype, a.x, a.batch.x_matrices * problem.rows, a.c)));
  } else {
    Im2colMap map{};
    map.dtype = a.dtype;
    map.data = a.x;
    map.n = a.n;
    map.h = a.h;
    map.w = a.w;
    map.c = a.c;
    map.lower_h = -a.pad_top;
    map.lower_w = -a.pad_left;
    // The last position is that of the last output, from the image's last pixel.
    map.upper_h = (a.p - 1) * a.stride_h - a.pad_top - (a.h - 1);
    map.upper_w = (a.q - 1) * a.stride_w - a.pad_left - (a.w - 1);
    map.stride_h = a.stride_h;
    map.stride_w = a.stride_w;
    map.pixels = kBm;
    FUSOR_RETURN_IF_ERROR(encode_im2col(&x, map));
  }
  const bool bfloat16 = a.dtype == FUSOR_BF16;
  if (wide) return bfloat16 ? run<bf16, 128>(stream, a, x, problem) : run<f16, 128>(stream, a, x, problem);
  return bfloat16 ? run<bf16, 64>(stream, a, x, problem) : run<f16, 64>(stream, a, x, problem);
}

}  // namespace fusor::cuda
