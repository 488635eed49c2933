// A block computes the 256 convolved pixels of a rectangle (pool_tiles.h), 64 channels of each, on the tensor
// cores, and pools them, if there is a max-pool, before they leave the chip.
//
// The matrix A of the implicit product is never built, not even in shared memory. The input pixels under the
// rectangle, the patch, lie there as rows of pixels of four channels, 8 bytes. What a filter's row sees of
// the patch from one pixel on then lies together, and ldmatrix takes eight rows of A from any eight
// addresses: with an even stride they are multiples of 16 bytes, as it asks, and of neighbouring pixels of a
// stride of two they are 16 bytes apart, so that they fall into different banks. The columns of the product
// are r, then s rounded up to a multiple of four, then four channels; of taps that there are not the weights
// are zero, and so is what is read for them (zero times infinity would be NaN).
//
// The image is read as it lies, planes or channels last, an element at a time: it is read once, and 3 of 64
// channels of the result.
//
// Napkin, ResNet's stem, 224 x 224 x 3 to 112 x 112 x 64, pooled to 56 x 56, batch 256: 180 MB in and out, 65
// us at 2.8 TB/s. 56 rectangles of 7 x 8 pooled pixels an image, 256 x 64 x 224 products each: 3584 clocks of
// a multiprocessor at the 1024 a clock that mma.sync gives; 14336 rectangles on 132 multiprocessors at 1.75
// GHz: 220 us, if loading and pooling (about 2600 clocks of issue slots) hide behind that, for which two
// blocks share a multiprocessor: 76 KiB each, 256 threads of 128 registers. An H100 and an H200 take 500 us:
// in half of the clocks no warp is ready, because 16 warps wait for the image's elements at the same time.
#include "conv2d/patch.h"

#include <algorithm>
#include <type_traits>

#include "arch/launch.h"
#include "arch/matrix.h"
#include "arch/vector.h"
#include "arch/warp.h"
#include "conv2d/math.h"
#include "conv2d/pool_tiles.h"
#include "geometry/divisor.h"
#include "math/functions.h"

namespace fusor::cuda {
namespace {

using namespace conv2d_detail;

constexpr int kThreads = 256, kWarps = kThreads / kWarpSize, kWarpRows = kPooledRows / kWarps;
constexpr int kPixelChannels = 4, kPixelBytes = 2 * kPixelChannels;
constexpr int kQuad = 4; /* taps in a step of the tensor cores: 16 columns */
constexpr int kMostQuads = 4;
constexpr int kResident = 2;                            /* blocks of a multiprocessor */
constexpr int kStride = kStagedStride<kPooledChannels>; /* elements between convolved pixels */

struct Problem {
  int64_t tiles;
  int h, w, c, k, r, s, p, q;
  int pad_top, pad_left, stride_h, stride_w, dilation_h;
  PatchStrides strides;
  PoolTiles pool;
  int patch_h, patch_w; /* pixels */
  Divisor patch_width;
  fusor_activation activation;

  FUSOR_HOST_DEVICE int quads() const { return (s + kQuad - 1) / kQuad; }
  /** 16 more than the columns take: eight rows of B then fall into different banks. */
  FUSOR_HOST_DEVICE int filter_bytes() const { return r * quads() * kQuad * kPixelBytes + 16; }
};

constexpr int kBiasBytes = kPooledChannels * 4, kConvolvedBytes = kPooledRows * kStride * 2;

int64_t shared_bytes(const Problem& p) {
  return int64_t{kBiasBytes} + kConvolvedBytes + int64_t{kPooledChannels} * p.filter_bytes() +
         int64_t{p.patch_h} * p.patch_w * kPixelBytes;
}

/** Two numbers by one instruction. */
template <class T>
FUSOR_DEVICE Vector<T, 2> round_pair(float first, float second) {
#if defined(__CUDACC__)
  Vector<T, 2> pair;
  if constexpr (std::is_same_v<T, bf16>) {
    *reinterpret_cast<__nv_bfloat162*>(&pair) = __floats2bfloat162_rn(first, second);
  } else {
    *reinterpret_cast<__half2*>(&pair) = __floats2half2_rn(first, second);
  }
  return pair;
#else
  return {{from_float<T>(first), from_float<T>(second)}};
#endif
}

/** most = max(most, values), element by element, two by one instruction; NaN if either is. */
template <class T, int Length>
FUSOR_DEVICE void take_maxima(Vector<T, Length>& most, const Vector<T, Length>& values) {
#if defined(__CUDACC__)
  using Pair = std::conditional_t<std::is_same_v<T, bf16>, __nv_bfloat162, __half2>;
  Pair* const pairs = reinterpret_cast<Pair*>(&most);
  const Pair* const others = reinterpret_cast<const Pair*>(&values);
#pragma unroll
  for (int i = 0; i < Length / 2; ++i) pairs[i] = __hmax2_nan(pairs[i], others[i]);
#else
  for (int i = 0; i < Length; ++i) most[i] = from_float<T>(maximum(to_float(most[i]), to_float(values[i])));
#endif
}

/** One pixel's channels, zeros after them. */
template <class T>
FUSOR_DEVICE Vector<T, kPixelChannels> load_pixel(const T* from, int64_t step, int channels, bool exists) {
  Vector<T, kPixelChannels> pixel;
#pragma unroll
  for (int c = 0; c < kPixelChannels; ++c) {
    pixel[c] = exists && c < channels ? from[c * step] : from_float<T>(0.f);
  }
  return pixel;
}

template <class T>
FUSOR_DEVICE void load_patch(unsigned char* patch, const Problem& p, const T* image, int first_h,
                             int first_w) {
  constexpr int kAtOnce = 3;  // that are under way together
  const int pixels = p.patch_h * p.patch_w;
  for (int first = threadIdx.x; first < pixels; first += kAtOnce * kThreads) {
    Vector<T, kPixelChannels> loaded[kAtOnce];
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const int index = first + u * kThreads, row = static_cast<int>(p.patch_width.quotient(index));
      const int h = first_h + row, w = first_w + index - row * p.patch_w;
      const bool inside = index < pixels && static_cast<unsigned>(h) < static_cast<unsigned>(p.h) &&
                          static_cast<unsigned>(w) < static_cast<unsigned>(p.w);
      loaded[u] =
          load_pixel(image + h * p.strides.x.row + w * p.strides.x.column, p.strides.x.channel, p.c, inside);
    }
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      const int index = first + u * kThreads;
      if (index < pixels) store(reinterpret_cast<T*>(patch + index * kPixelBytes), loaded[u]);
    }
  }
}

/** 64 filters, row by row of B. */
template <class T>
FUSOR_DEVICE void load_filters(unsigned char* filters, const Problem& p, const T* weight, int first_channel) {
  const int taps_in_row = p.quads() * kQuad, taps = p.r * taps_in_row;
  for (int i = threadIdx.x; i < kPooledChannels * taps; i += kThreads) {
    const int channel = i / taps, tap = i - channel * taps, r = tap / taps_in_row, s = tap - r * taps_in_row;
    const T* const from = weight + (first_channel + channel) * p.strides.weight.outer +
                          r * p.strides.weight.row + s * p.strides.weight.column;
    store(reinterpret_cast<T*>(filters + channel * p.filter_bytes() + tap * kPixelBytes),
          load_pixel(from, p.strides.weight.channel, p.c, first_channel + channel < p.k && s < p.s));
  }
}

/** What a block does for one rectangle: from the patch to 16-bit results in `convolved`. */
template <class T, int Quads>
FUSOR_DEVICE void convolve(const unsigned char* patch, const unsigned char* filters, const float* bias,
                           T* convolved, const Problem& p) {
  constexpr int kFragments = kWarpRows / 16, kColumns = kPooledChannels / 8;
  const int lane = lane_index(), first_row = warp_index() * kWarpRows;
  const int width = p.pool.width(), height = p.pool.height();
  const unsigned char* a_rows[kFragments];
#pragma unroll
  for (int i = 0; i < kFragments; ++i) {
    const int pixel = first_row + i * 16 + lane % 16;
    int row = pixel / width, column = pixel - row * width;
    if (row >= height) row = column = 0;  // of no rectangle
    a_rows[i] = patch + (row * p.stride_h * p.patch_w + column * p.stride_w) * kPixelBytes + lane / 16 * 16;
  }
  const unsigned char* b_row = filters + (lane % 8 + lane / 16 * 8) * p.filter_bytes() + lane / 8 % 2 * 16;
  const int b_step = 16 * p.filter_bytes(), line = p.dilation_h * p.patch_w * kPixelBytes;
  // Of the last step's four taps some are no taps: a lane has the channels of one of the first two, and of
  // one of the last two.
  const int left = p.s - (Quads - 1) * kQuad, tap = lane % 4 / 2;
  const bool first_exists = tap < left, second_exists = tap + 2 < left;

  float sums[kFragments][kColumns][4] = {};
#pragma unroll 1
  for (int r = 0; r < p.r; ++r) {
#pragma unroll
    for (int quad = 0; quad < Quads; ++quad) {
      uint32_t a[kFragments][4], b[kColumns][2];
#pragma unroll
      for (int i = 0; i < kFragments; ++i) {
        ldmatrix_x4(a[i], a_rows[i] + quad * kQuad * kPixelBytes);
        if (quad + 1 < Quads) continue;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          if (!first_exists) a[i][half] = 0;
          if (!second_exists) a[i][half + 2] = 0;
        }
      }
#pragma unroll
      for (int j = 0; j < kColumns; j += 2) {
        uint32_t two[4];
        ldmatrix_x4(two, b_row + j / 2 * b_step + quad * kQuad * kPixelBytes);
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          b[j][e] = two[e];
          b[j + 1][e] = two[2 + e];
        }
      }
      mma_tile<T>(sums, a, b);
    }
#pragma unroll
    for (int i = 0; i < kFragments; ++i) a_rows[i] += line;
    b_row += Quads * kQuad * kPixelBytes;
  }

#pragma unroll
  for (int j = 0; j < kColumns; ++j) {
    const Vector<float, 2> offset = load<2>(bias + j * 8 + lane % 4 * 2);
#pragma unroll
    for (int i = 0; i < kFragments; ++i) {
#pragma unroll
      for (int e = 0; e < 4; ++e) sums[i][j][e] += offset[e % 2];
    }
  }
  // All at once: the branch to the activation is taken once, not for each pair.
  activate(reinterpret_cast<float(&)[kFragments * kColumns * 4]>(sums), p.activation);
  each_fragment(sums, [&](int row, int column, float(&values)[2]) {
    store(convolved + (first_row + row) * kStride + column, round_pair<T>(values[0], values[1]));
  });
}

/** The maxima of the windows, to y. */
template <class T>
FUSOR_DEVICE void pool_rectangle(const T* convolved, const Problem& p, const PooledBlock& block,
                                 int first_channel, T* y) {
  constexpr int kLength = kVectorLength<T>, kVectors = kPooledChannels / kLength;
  const PoolTiles& pool = p.pool;
  const int width = pool.width();
  const bool whole = p.k % kLength == 0 && reinterpret_cast<uintptr_t>(y) % 16 == 0;
  for (int item = threadIdx.x; item < pool.tile_h * pool.tile_w * kVectors; item += kThreads) {
    const int pixel = item / kVectors, column = item % kVectors * kLength, channel = first_channel + column;
    const int row = pixel / pool.tile_w, column_in_tile = pixel - row * pool.tile_w;
    const int out_p = block.p + row, out_q = block.q + column_in_tile;
    if (out_p >= pool.p || out_q >= pool.q || channel >= p.k) continue;
    Vector<T, kLength> most;
#pragma unroll
    for (int i = 0; i < kLength; ++i) most[i] = from_float<T>(-INFINITY);
    const int first_p = out_p * pool.stride_h - pool.pad_top, first_q = out_q * pool.stride_w - pool.pad_left;
    const T* const corner =
        convolved + (row * pool.stride_h * width + column_in_tile * pool.stride_w) * kStride + column;
    for (int r = 0; r < pool.kernel_h; ++r) {
      if (static_cast<unsigned>(first_p + r) >= static_cast<unsigned>(p.p)) continue;
      for (int s = 0; s < pool.kernel_w; ++s) {
        if (static_cast<unsigned>(first_q + s) >= static_cast<unsigned>(p.q)) continue;
        take_maxima(most, load<kLength>(corner + (r * width + s) * kStride));
      }
    }
    T* const to = y + ((block.image * pool.p + out_p) * pool.q + out_q) * p.k + channel;
    if (whole) {
      store(to, most);
    } else {
#pragma unroll
      for (int i = 0; i < kLength; ++i) {
        if (channel + i < p.k) to[i] = most[i];
      }
    }
  }
}

/** grid: as many blocks as stay resident, each with every gridDim.x-th rectangle; tiles of channels. */
template <class T, int Quads>
__global__ void __launch_bounds__(kThreads, kResident)
    patch_conv2d_kernel(const __grid_constant__ Problem p, const T* x, const T* weight, const T* bias, T* y) {
  begin_after_earlier_launches();
  FUSOR_DYNAMIC_SHARED(unsigned char, shared);
  float* const offsets = reinterpret_cast<float*>(shared);
  T* const convolved = reinterpret_cast<T*>(shared + kBiasBytes);
  unsigned char* const filters = shared + kBiasBytes + kConvolvedBytes;
  unsigned char* const patch = filters + kPooledChannels * p.filter_bytes();

  const int first_channel = static_cast<int>(blockIdx.y) * kPooledChannels;
  if (threadIdx.x < kPooledChannels) {
    const int channel = first_channel + static_cast<int>(threadIdx.x);
    offsets[threadIdx.x] = bias != nullptr && channel < p.k ? to_float(bias[channel * p.strides.bias]) : 0.f;
  }
  load_filters(filters, p, weight, first_channel);
  for (int64_t tile = blockIdx.x; tile < p.tiles; tile += gridDim.x) {
    const PooledBlock block = PooledBlock::at(tile, p.pool);
    const int first_p = block.p * p.pool.stride_h - p.pool.pad_top,
              first_q = block.q * p.pool.stride_w - p.pool.pad_left;
    load_patch(patch, p, x + block.image * p.strides.x.outer, first_p * p.stride_h - p.pad_top,
               first_q * p.stride_w - p.pad_left);
    __syncthreads();  // the patch is here, and what was convolved before is pooled
    convolve<T, Quads>(patch, filters, offsets, convolved, p);
    __syncthreads();
    pool_rectangle(convolved, p, block, first_channel, y);
  }
}

/** Its rectangles are those of a pool of single pixels where there is none. False if there are none. */
bool make_problem(const Conv2dArguments& a, Problem& p) {
  p = {};
  p.h = a.h;
  p.w = a.w;
  p.c = a.c;
  p.k = a.k;
  p.r = a.r;
  p.s = a.s;
  p.p = a.p;
  p.q = a.q;
  p.pad_top = a.pad_top;
  p.pad_left = a.pad_left;
  p.stride_h = a.stride_h;
  p.stride_w = a.stride_w;
  p.dilation_h = a.dilation_h;
  p.activation = a.activation;
  p.pool = PoolTiles::of(a.pool.kernel_h > 0 ? a.pool : MaxPool{1, 1, 1, 1, 0, 0, a.p, a.q});
  if (!p.pool.cover(kPooledRows)) return false;
  p.tiles = a.n * p.pool.tiles_h * p.pool.tiles_w;
  // Far larger than any that fits shared memory; the products below stay small.
  constexpr int kMost = 1 << 12;
  if (std::max({a.stride_h, a.stride_w, a.dilation_h, a.r, a.s}) > kMost) return false;
  const int64_t patch_h = int64_t{p.pool.height() - 1} * a.stride_h + int64_t{a.r - 1} * a.dilation_h + 1,
                patch_w = int64_t{p.pool.width() - 1} * a.stride_w + p.quads() * kQuad;
  if (patch_h * patch_w > kMost * 8) return false;
  p.patch_h = static_cast<int>(patch_h);
  p.patch_w = static_cast<int>(patch_w);
  p.patch_width = Divisor(patch_w);
  return true;
}

template <class T, int Quads>
Status launch_as(Stream& stream, const Conv2dArguments& a, const Problem& p) {
  const DeviceProperties& device = *stream.properties;
  const int64_t resident =
      std::clamp<int64_t>(device.shared_bytes_per_multiprocessor / shared_bytes(p), 1, kResident) *
      std::max(1, device.multiprocessors);
  const LaunchShape shape(
      dim3(static_cast<unsigned>(std::min(p.tiles, resident)), blocks_for(a.k, kPooledChannels)), kThreads,
      static_cast<size_t>(shared_bytes(p)));
  return launch_early(patch_conv2d_kernel<T, Quads>, shape, stream, p, static_cast<const T*>(a.x),
                      static_cast<const T*>(a.weight), static_cast<const T*>(a.bias), static_cast<T*>(a.y));
}

template <class T>
Status run(Stream& stream, const Conv2dArguments& a, const Problem& p) {
  switch (p.quads()) {
    case 1:
      return launch_as<T, 1>(stream, a, p);
    case 2:
      return launch_as<T, 2>(stream, a, p);
    case 3:
      return launch_as<T, 3>(stream, a, p);
    default:
      return launch_as<T, 4>(stream, a, p);
  }
}

}  // namespace

bool patch_conv2d_supports(const DeviceProperties& device, const Conv2dArguments& a) {
  Problem p;
  return (a.dtype == FUSOR_BF16 || a.dtype == FUSOR_F16) && a.groups == 1 && a.batch.count == 1 && a.c >= 1 &&
         a.c <= kPixelChannels && a.k > 0 && a.dilation_w == 1 && a.stride_w % 2 == 0 && a.s >= 1 &&
         a.s <= kMostQuads * kQuad && a.residual == nullptr && make_problem(a, p) &&
         shared_bytes(p) <= device.shared_bytes_per_block;
}

Status patch_conv2d(Stream& stream, const Conv2dArguments& a, const PatchStrides& strides) {
  Problem p;
  if (!make_problem(a, p)) return {FUSOR_ERROR_INTERNAL, "conv2d: no patch of this convolution fits"};
  p.strides = strides;
  return a.dtype == FUSOR_BF16 ? run<bf16>(stream, a, p) : run<f16>(stream, a, p);
}

}  // namespace fusor::cuda
