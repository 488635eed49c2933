#include "conv2d/conv2d.h"

#include <algorithm>

#include "conv2d/direct.h"
#include "conv2d/hopper.h"
#include "conv2d/implicit_gemm.h"
#include "conv2d/pad_channels.h"
#include "conv2d/patch.h"
#include "conv2d/pooled.h"

namespace fusor::cuda {
namespace {

using namespace conv2d_detail;

Geometry geometry_of(const Conv2dArguments& a) {
  Geometry g;
  g.rows = a.n * a.p * a.q;
  g.h = a.h;
  g.w = a.w;
  g.c = a.c / a.groups;
  g.k = a.k / a.groups;
  g.r = a.r;
  g.s = a.s;
  g.p = a.p;
  g.q = a.q;
  g.pad_top = a.pad_top;
  g.pad_left = a.pad_left;
  g.stride_h = a.stride_h;
  g.stride_w = a.stride_w;
  g.dilation_h = a.dilation_h;
  g.dilation_w = a.dilation_w;
  g.groups = a.groups;
  g.inner = a.r * a.s * g.c;
  g.pixel_x = a.c;
  g.pixel_y = a.k;
  return g;
}

bool aligned_to(const void* p, uintptr_t bytes) {
  return reinterpret_cast<uintptr_t>(p) % bytes == 0;
}

int element_bytes(fusor_dtype dtype) {
  return dtype == FUSOR_F32 ? 4 : 2;
}

/** Elements that surely lie together and aligned in x and in the weights, as loaders copy them. */
int piece_of(const Conv2dArguments& a, const Geometry& g) {
  const int bytes = element_bytes(a.dtype), vector = 16 / bytes;
  const auto fits = [&](int piece) {
    const auto piece_bytes = static_cast<uintptr_t>(piece * bytes);
    return g.c % piece == 0 && aligned_to(a.x, piece_bytes) && aligned_to(a.weight, piece_bytes);
  };
  if (fits(vector)) return vector;
  return a.dtype != FUSOR_F32 && fits(4) ? 4 : 1;
}

bool epilogue_aligned(const Conv2dArguments& a, const Geometry& g) {
  const int vector = 16 / element_bytes(a.dtype);
  return g.pixel_y % vector == 0 && (g.groups == 1 || g.k % vector == 0) && aligned_to(a.y, 16) &&
         aligned_to(a.bias, 16) && aligned_to(a.residual, 16);
}

/** Matrices' steps as elements'. */
BatchSteps batch_of(const Conv2dArguments& a, const Geometry& g) {
  static_assert(BatchSteps::kMostRank == MatrixBatch::kMostRank);
  BatchSteps batch{a.batch.count, a.batch.rank, {}, {}, {}};
  for (int d = 0; d < batch.rank; ++d) {
    batch.sizes[d] = a.batch.sizes[d];
    batch.x[d] = a.batch.x_steps[d] * g.rows * g.inner;
    batch.weight[d] = a.batch.weight_steps[d] * g.k * g.inner;
  }
  return batch;
}

struct TileCost {
  Tile tile;
  int bm, bn, resident; /* blocks that share a multiprocessor */
  double efficiency;    /* of the multiplying units once the pipeline runs; from reuse of what is loaded */
};

constexpr TileCost kTiles[] = {{Tile::t128x128, 128, 128, 2, 0.85},
                               {Tile::t128x64, 128, 64, 3, 0.75},
                               {Tile::t64x64, 64, 64, 5, 0.55},
                               {Tile::t32x64, 32, 64, 6, 0.4}};

/** Whether there is such an instantiation; see half.h and conv2d_f32.cu. */
bool has_tile(fusor_dtype dtype, int piece, Tile tile) {
  if (piece == 1) return tile == Tile::t64x64;
  if (dtype == FUSOR_F32) return tile == Tile::t128x128 || tile == Tile::t64x64;
  return piece == 8 || tile == Tile::t128x64;
}

constexpr double kLaunch = 3000, kBytesPerClock = 1800;

/** Of adding the splits of `rows` rows up: each is written and read, and a result written. */
double adding_cost(const Geometry& g, double rows, int splits) {
  if (splits == 1) return 0;
  return kLaunch + rows * g.pixel_y * 4 * (2 * splits + 1) / kBytesPerClock;
}

/** Clocks that a launch takes, about, with `row_tiles` tiles of `rows` rows, over all matrices of a batch. */
double cost(const Geometry& g, const TileCost& t, double row_tiles, double rows, int splits,
            int columns_per_tile, double products_per_clock, int multiprocessors) {
  // Both of an H100 at batch 1, where ResNet-50 takes 0.385 ms with them and 0.417 with 250 and 1500.
  constexpr double kTurnLatency = 450;  // of a turn that waits for its copies and has little to multiply
  constexpr double kPrologue = 8000;    // first copies, epilogue
  const double tiles = std::ceil(static_cast<double>(g.inner) / columns_per_tile);
  const double blocks = row_tiles * std::ceil(static_cast<double>(g.k) / t.bn) * g.groups * splits;
  const double slots = static_cast<double>(multiprocessors) * t.resident;
  const double waves = std::ceil(blocks / slots);
  const double sharing = std::min<double>(t.resident, std::ceil(blocks / multiprocessors));
  const double products = static_cast<double>(t.bm) * t.bn * columns_per_tile * sharing;
  const double turn = std::max(products / products_per_clock / t.efficiency, kTurnLatency);
  const double clocks = waves * (std::ceil(tiles / splits) * turn + kPrologue);
  return clocks + adding_cost(g, rows, splits);
}

/** Multiply-adds a clock and multiprocessor: general cores 128; tensor cores 1024, Hopper's 2048, of which
 * mma.sync reaches some 60 %; tf32 half, bf16x3 a third. */
double products_per_clock(const DeviceProperties& device, const Conv2dArguments& a) {
  const double halves = device.major >= 9 ? 1250 : 1024;
  if (a.dtype != FUSOR_F32) return halves;
  switch (a.precision) {
    case Precision::tf32:
      return halves / 2;
    case Precision::bf16x3:
      return halves / 3;
    case Precision::f32:
      break;
  }
  return 128;
}

int columns_per_tile(fusor_dtype dtype) {
  return 64 / element_bytes(dtype);
}

/** Turns of the persistent kernel, of 64 inputs at one place of the filter each. */
int hopper_steps(const Geometry& g) {
  return g.r * g.s * ((g.c + 63) / 64);
}

/** The same of the persistent kernel: its epilogues hide behind main loops, and the other way round. */
double hopper_cost(const Geometry& g, int64_t matrices, int bn, int splits, int multiprocessors) {
  constexpr double kProductsPerClock = 2048 * 0.8, kEpilogue = 1200, kPrologue = 2000;
  const double steps = std::ceil(static_cast<double>(hopper_steps(g)) / splits);
  const double row_tiles = static_cast<double>(matrices) * std::ceil(static_cast<double>(g.rows) / 128);
  const double tiles = row_tiles * std::ceil(static_cast<double>(g.k) / bn) * splits;
  const double tile = std::max(steps * 128.0 * bn * 64 / kProductsPerClock, kEpilogue);
  return std::ceil(tiles / multiprocessors) * tile + kPrologue +
         adding_cost(g, static_cast<double>(matrices * g.rows), splits);
}

template <class T>
Status run(Stream& stream, const Conv2dArguments& a, const Conv2dChoice& choice) {
  const Geometry g = geometry_of(a);
  const T* x = static_cast<const T*>(a.x);
  const T* weight = static_cast<const T*>(a.weight);
  Epilogue<T> epilogue{static_cast<const T*>(a.bias), static_cast<const T*>(a.residual), static_cast<T*>(a.y),
                       nullptr, a.activation};
  const bool aligned = epilogue_aligned(a, g);
  switch (choice.algorithm) {
    case Conv2dAlgorithm::depthwise:
      return run_depthwise<T>(stream, g, x, weight, epilogue,
                              aligned && aligned_to(a.x, 16) && g.groups % kVectorLength<T> == 0);
    case Conv2dAlgorithm::grouped:
      return run_grouped<T>(stream, g, x, weight, epilogue);
    case Conv2dAlgorithm::hopper:
      if (choice.splits == 1) return hopper_conv2d(stream, a, choice.tile == Tile::t128x128);
      if (a.workspace == nullptr) return {FUSOR_ERROR_INTERNAL, "conv2d: a split sum needs workspace"};
      epilogue.partial = static_cast<float*>(a.workspace);
      FUSOR_RETURN_IF_ERROR(
          hopper_conv2d(stream, a, choice.tile == Tile::t128x128, choice.splits, epilogue.partial));
      return add_splits<T>(stream, g, a.batch.count * g.rows, epilogue, choice.splits, aligned);
    case Conv2dAlgorithm::pooled: {
      PoolTiles pool = PoolTiles::of(a.pool);
      if (!pool.cover(kPooledRows) || piece_of(a, g) == 1) {
        return {FUSOR_ERROR_INTERNAL, "conv2d: no kernel for this pool"};
      }
      return run_pooled<T>(stream, g, pool, {x, weight, epilogue, 1, 0, aligned}, piece_of(a, g),
                           a.precision);
    }
    case Conv2dAlgorithm::patch: {
      const int64_t row = int64_t{a.w} * a.c, filter_row = int64_t{a.s} * a.c;
      return patch_conv2d(stream, a, {{a.h * row, 1, row, a.c}, {a.r * filter_row, 1, filter_row, a.c}, 1});
    }
    case Conv2dAlgorithm::implicit_gemm:
      break;
  }
  if (choice.splits > 1) {
    if (a.workspace == nullptr) return {FUSOR_ERROR_INTERNAL, "conv2d: a split sum needs workspace"};
    epilogue.partial = static_cast<float*>(a.workspace);
  }
  const GemmOperands<T> operands{x, weight, epilogue, choice.splits, 0, aligned, batch_of(a, g)};
  FUSOR_RETURN_IF_ERROR(run_implicit_gemm<T>(stream, g, operands, choice.tile, piece_of(a, g), a.precision));
  if (choice.splits == 1) return {};
  return add_splits<T>(stream, g, a.batch.count * g.rows, epilogue, choice.splits, aligned);
}

/** Bytes of a copy in the workspace. */
int64_t copy_bytes(const Conv2dArguments& a, int64_t rows, int padded) {
  constexpr int64_t kAlignment = 256;
  return (rows * padded * element_bytes(a.dtype) + kAlignment - 1) / kAlignment * kAlignment;
}

/** Rows of x and of the weights, of all matrices. */
int64_t pixels_of(const Conv2dArguments& a) {
  return a.batch.x_matrices * a.n * a.h * a.w;
}
int64_t taps_of(const Conv2dArguments& a) {
  return a.batch.weight_matrices * a.k * a.r * a.s;
}

int64_t padded_bytes(const Conv2dArguments& a, int padded) {
  return copy_bytes(a, pixels_of(a), padded) + copy_bytes(a, taps_of(a), padded);
}

Status run_padded(Stream& stream, const Conv2dArguments& a, Conv2dChoice choice) {
  if (a.workspace == nullptr) return {FUSOR_ERROR_INTERNAL, "conv2d: padded copies need workspace"};
  const int64_t pixels = pixels_of(a), taps = taps_of(a);
  char* const x = static_cast<char*>(a.workspace);
  char* const weight = x + copy_bytes(a, pixels, choice.padded_c);
  FUSOR_RETURN_IF_ERROR(pad_rows(stream, a.dtype, a.x, x, pixels, a.c, choice.padded_c));
  FUSOR_RETURN_IF_ERROR(pad_rows(stream, a.dtype, a.weight, weight, taps, a.c, choice.padded_c));
  Conv2dArguments padded = a;
  padded.constant_weight = false;  // but a copy, made by the launch before
  padded.c = choice.padded_c;
  padded.x = x;
  padded.weight = weight;
  padded.workspace = weight + copy_bytes(a, taps, choice.padded_c);
  choice.padded_c = 0;
  return conv2d(stream, padded, choice);
}

}  // namespace

namespace {

/** With what it is expected to take. */
struct CostedChoice {
  Conv2dChoice choice;
  double clocks = 0; /* 0: not known, of an algorithm that has no rival */
};

/** Channels to copy x and the weights to first; 0 where they can be read as they are. */
int padded_channels(const Conv2dArguments& a) {
  // Of what whole copies need; 4 channels of 16 bits have a kernel of their own.
  const int multiple = a.c <= 4 ? 4 : 16 / element_bytes(a.dtype);
  return a.groups == 1 && a.c % multiple != 0 ? (a.c + multiple - 1) / multiple * multiple : 0;
}

constexpr int kSplits[] = {1, 2, 3, 4, 6, 8, 12, 16};

/** Every split has a part of the turns, and at least four of them, or filling the pipeline is all it does. */
bool may_split(int turns, int splits) {
  const int per_split = (turns + splits - 1) / splits;
  return splits == 1 || (per_split >= 4 && (splits - 1) * per_split < turns);
}

/** `splits` 0: any number. */
CostedChoice choose(const DeviceProperties& device, const Conv2dArguments& a, int splits = 0);

/** For the batch that decides: algorithm and splits, which make the order of a sum. Then, for the batch at
 * hand, the tile, which does not. */
CostedChoice choose_for_any_batch(const DeviceProperties& device, const Conv2dArguments& a) {
  Conv2dArguments deciding = a, own = a;
  deciding.n = a.deciding_n;
  deciding.batch = {};
  deciding.deciding_n = own.deciding_n = 0;
  const CostedChoice decided = choose(device, deciding);
  if (decided.choice.algorithm != Conv2dAlgorithm::implicit_gemm) return decided;
  CostedChoice costed = choose(device, own, decided.choice.splits);
  costed.clocks = decided.clocks;
  return costed;
}

CostedChoice choose(const DeviceProperties& device, const Conv2dArguments& a, int fixed_splits) {
  if (patch_conv2d_supports(device, a)) return {{Conv2dAlgorithm::patch}};
  if (a.deciding_n > 0) return choose_for_any_batch(device, a);
  if (const int channels = padded_channels(a); channels > 0) {
    Conv2dArguments padded = a;
    padded.c = channels;
    padded.x = padded.weight = nullptr;  // the copies are aligned
    CostedChoice costed = choose(device, padded, fixed_splits);
    costed.choice.padded_c = padded.c;
    return costed;
  }
  const Geometry g = geometry_of(a);
  constexpr int kFewChannels = 8;
  Conv2dChoice choice;
  if (g.groups > 1 && g.c == 1 && g.k == 1) {
    choice.algorithm = Conv2dAlgorithm::depthwise;
    return {choice};
  }
  if (g.c == 0 || (g.groups > 1 && g.c < kFewChannels)) {
    choice.algorithm = Conv2dAlgorithm::grouped;
    return {choice};
  }
  const int columns = columns_per_tile(a.dtype), tiles = (g.inner + columns - 1) / columns;
  const int multiprocessors = std::max(1, device.multiprocessors);
  double best = 0;
  const int piece = piece_of(a, g);
  for (const TileCost& t : kTiles) {
    if (!has_tile(a.dtype, piece, t.tile)) continue;
    for (const int splits : kSplits) {
      if (!may_split(tiles, splits)) continue;
      if (int64_t{g.groups} * splits > 65535 || (fixed_splits > 0 && splits != fixed_splits)) continue;
      const double row_tiles =
          static_cast<double>(a.batch.count) * std::ceil(static_cast<double>(g.rows) / t.bm);
      const double clocks = cost(g, t, row_tiles, static_cast<double>(a.batch.count * g.rows), splits,
                                 columns, products_per_clock(device, a), multiprocessors);
      if (best == 0 || clocks < best) {
        best = clocks;
        choice.tile = t.tile;
        choice.splits = splits;
      }
    }
  }
  if (fixed_splits == 0 && hopper_conv2d_supports(device, a)) {
    const int steps = hopper_steps(g);
    for (const Tile tile : {Tile::t128x128, Tile::t128x64}) {
      for (const int splits : kSplits) {
        if (!may_split(steps, splits)) continue;
        const double clocks =
            hopper_cost(g, a.batch.count, tile == Tile::t128x128 ? 128 : 64, splits, multiprocessors);
        if (clocks < best) {
          best = clocks;
          choice = {Conv2dAlgorithm::hopper, tile, splits};
        }
      }
    }
  }
  if (best == 0) choice.algorithm = Conv2dAlgorithm::grouped;  // more groups than a grid has layers
  return {choice, best};
}

}  // namespace

Conv2dChoice choose_conv2d(const DeviceProperties& device, const Conv2dArguments& a) {
  if (a.pool.kernel_h > 0 && !patch_conv2d_supports(device, a))
    return {Conv2dAlgorithm::pooled, Tile::t128x128, 1, padded_channels(a)};
  return choose(device, a).choice;
}

bool pays_to_pool(const DeviceProperties& device, const Conv2dArguments& a) {
  if (patch_conv2d_supports(device, a)) return a.n > 0;
  const CostedChoice apart = choose(device, a);
  PoolTiles pool = PoolTiles::of(a.pool);
  if (apart.clocks == 0 || a.groups != 1 || a.residual != nullptr || !pool.cover(kPooledRows)) return false;
  Geometry g = geometry_of(a);
  if (apart.choice.padded_c > 0) g.inner = a.r * a.s * apart.choice.padded_c;
  // Blocks of 80 KiB and 256 threads: two share a multiprocessor, but where exact f32 takes 254 registers a
  // thread.
  const bool exact = a.dtype == FUSOR_F32 && a.precision == Precision::f32;
  const TileCost tile{Tile::t128x128, kPooledRows, kPooledChannels, exact ? 1 : 2, 0.8};
  // With a batch that decides, it decides about this as well: the convolution apart might be split.
  const int64_t images = a.deciding_n > 0 ? a.deciding_n : a.n;
  const double row_tiles = static_cast<double>(images) * pool.tiles_h * pool.tiles_w;
  const double together = cost(g, tile, row_tiles, 0, 1, columns_per_tile(a.dtype),
                               products_per_clock(device, a), std::max(1, device.multiprocessors));
  // The result written and read back, and the pool's launch.
  const double saved =
      kLaunch + 2.0 * static_cast<double>(images) * a.p * a.q * a.k * element_bytes(a.dtype) / kBytesPerClock;
  return a.n * pool.tiles_h * pool.tiles_w <= 0x7fffffff && together < apart.clocks + saved;
}

int64_t conv2d_workspace(const Conv2dArguments& a, const Conv2dChoice& choice) {
  const int64_t sums =
      a.batch.count * a.n * a.p * a.q * a.k * static_cast<int64_t>(sizeof(float)) * choice.splits;
  return (choice.splits > 1 ? sums : 0) + (choice.padded_c > 0 ? padded_bytes(a, choice.padded_c) : 0);
}

Status conv2d(Stream& stream, const Conv2dArguments& a, const Conv2dChoice& choice) {
  if (a.n == 0 || a.p == 0 || a.q == 0 || a.k == 0 || a.batch.count == 0) return {};
  if (choice.padded_c > 0) return run_padded(stream, a, choice);
  switch (a.dtype) {
    case FUSOR_F32:
      return run<float>(stream, a, choice);
    case FUSOR_F16:
      return run<f16>(stream, a, choice);
    case FUSOR_BF16:
      return run<bf16>(stream, a, choice);
    default:
      return {FUSOR_ERROR_DTYPE, "conv2d: f32, f16 or bf16"};
  }
}

std::string describe(const Conv2dChoice& choice) {
  switch (choice.algorithm) {
    case Conv2dAlgorithm::depthwise:
      return "depthwise";
    case Conv2dAlgorithm::grouped:
      return "grouped direct";
    case Conv2dAlgorithm::patch:
      return "patch 256x64";
    case Conv2dAlgorithm::hopper:
    case Conv2dAlgorithm::implicit_gemm:
    case Conv2dAlgorithm::pooled:
      break;
  }
  const bool pooled = choice.algorithm == Conv2dAlgorithm::pooled;
  std::string text = pooled                                        ? "implicit gemm 256x64 with max-pool"
                     : choice.algorithm == Conv2dAlgorithm::hopper ? "tma + wgmma "
                                                                   : "implicit gemm ";
  for (const TileCost& t : kTiles) {
    if (!pooled && t.tile == choice.tile) text += std::to_string(t.bm) + "x" + std::to_string(t.bn);
  }
  if (choice.splits > 1) text += ", " + std::to_string(choice.splits) + " splits";
  if (choice.padded_c > 0) text += ", padded to " + std::to_string(choice.padded_c) + " channels";
  return text;
}

void MatrixBatch::add(int64_t size, int64_t x_step, int64_t weight_step) {
  count *= size;
  if (size == 1) return;
  if (rank > 0) {
    const int last = rank - 1;
    if (x_step == x_steps[last] * sizes[last] && weight_step == weight_steps[last] * sizes[last]) {
      sizes[last] *= size;
      return;
    }
  }
  sizes[rank] = size;
  x_steps[rank] = x_step;
  weight_steps[rank] = weight_step;
  ++rank;
}

Conv2dArguments matrix_product(fusor_dtype dtype, int64_t rows, int columns, int inner) {
  Conv2dArguments a;
  a.dtype = dtype;
  a.n = rows;
  a.c = inner;
  a.k = columns;
  return a;
}

}  // namespace fusor::cuda
