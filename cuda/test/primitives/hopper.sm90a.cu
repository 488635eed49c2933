#include <algorithm>

#include "arch/launch.h"
#include "arch/tma.h"
#include "arch/vector.h"
#include "arch/warp.h"
#include "arch/wgmma.h"
#include "primitives.h"

namespace fusor::cuda::primitives {
namespace {

constexpr int kRow = 64; /* elements in a row of 128 bytes */

/** Where element `column` of row `row` of a 128-byte swizzled tile lies, in elements. */
FUSOR_HOST_DEVICE int swizzled(int row, int column) {
  return row * kRow + ((column / 8) ^ (row % 8)) * 8 + column % 8;
}

// ---- TMA
// ----------------------------------------------------------------------------------------------------------------

/** Loads one box and writes shared memory out as it lies. */
__global__ void load_box(const __grid_constant__ TensorMap map, uint16_t* out, int rows, bool im2col, int x,
                         int y, int z, int n, int offset_w, int offset_h) {
  FUSOR_DYNAMIC_SHARED(uint16_t, shared);
  MBarrier* const barrier = reinterpret_cast<MBarrier*>(shared + rows * kRow);
  if (threadIdx.x == 0) {
    mbarrier_initialise(barrier, 1);
    mbarrier_initialise_fence();
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    mbarrier_arrive_expect(barrier, rows * kRow * 2);
    if (im2col) {
      tma_load_im2col(shared, &map, barrier, x, y, z, n, offset_w, offset_h);
    } else {
      tma_load_3d(shared, &map, barrier, x, y, z);
    }
  }
  mbarrier_wait(barrier, 0);
  for (int i = threadIdx.x; i < rows * kRow; i += blockDim.x) out[i] = shared[i];
}

void test_tiled(Stream& stream, Report& report) {
  // A tensor of 72 x 5 x 7 whose box hangs out at both ends.
  constexpr int kSizes[3] = {72, 5, 7}, kBox[3] = {64, 2, 3}, kStart[3] = {16, 4, -1}, kRows = 6;
  std::vector<uint16_t> values(72 * 5 * 7);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i + 1);
  const Buffer<uint16_t> in(values);
  Buffer<uint16_t> out(kRows * kRow);
  TiledMap description{FUSOR_BF16, in.data(), 3, {72, 5, 7}, {72 * 2, 72 * 5 * 2}, {64, 2, 3}};
  TensorMap map;
  require(encode_tiled(&map, description));
  require(launch(load_box, LaunchShape(1, 128, kRows * kRow * 2 + 16), stream, map, out.data(), kRows, false,
                 kStart[0], kStart[1], kStart[2], 0, 0, 0));
  std::vector<uint16_t> expected(kRows * kRow, 0);
  for (int k = 0; k < kBox[2]; ++k) {
    for (int j = 0; j < kBox[1]; ++j) {
      for (int i = 0; i < kBox[0]; ++i) {
        const int x = kStart[0] + i, y = kStart[1] + j, z = kStart[2] + k;
        if (x < 0 || x >= kSizes[0] || y < 0 || y >= kSizes[1] || z < 0 || z >= kSizes[2]) continue;
        expected[static_cast<size_t>(swizzled(k * kBox[1] + j, i))] =
            values[static_cast<size_t>((z * kSizes[1] + y) * kSizes[0] + x)];
      }
    }
  }
  report.add("TMA tiled: swizzle, zeros outside", same(out.read(), expected));
}

void test_im2col(Stream& stream, Report& report, int stride, int pad, int dilation) {
  constexpr int kN = 2, kH = 5, kW = 7, kC = 72, kFilter = 3, kPixels = 32;
  std::vector<uint16_t> values(kN * kH * kW * kC);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i + 1);
  const Buffer<uint16_t> in(values);
  Buffer<uint16_t> out(kPixels * kRow);
  const int p = (kH + 2 * pad - dilation * (kFilter - 1) - 1) / stride + 1;
  const int q = (kW + 2 * pad - dilation * (kFilter - 1) - 1) / stride + 1;
  Im2colMap description{};
  description.dtype = FUSOR_BF16;
  description.data = in.data();
  description.n = kN;
  description.h = kH;
  description.w = kW;
  description.c = kC;
  description.lower_h = description.lower_w = -pad;
  description.upper_h = (p - 1) * stride - pad - (kH - 1);
  description.upper_w = (q - 1) * stride - pad - (kW - 1);
  description.stride_h = description.stride_w = stride;
  description.pixels = kPixels;
  TensorMap map;
  require(encode_im2col(&map, description));
  // From the middle of the first image on, over its end into the second, and over that one's.
  const int first = p * q / 2, r = 2, s = 1, c = 64;
  require(launch(load_box, LaunchShape(1, 128, kPixels * kRow * 2 + 16), stream, map, out.data(), kPixels,
                 true, c, first % q * stride - pad, first / q * stride - pad, 0, s * dilation, r * dilation));
  std::vector<uint16_t> expected(kPixels * kRow, 0);
  for (int pixel = 0; pixel < kPixels; ++pixel) {
    const int index = first + pixel, n = index / (p * q), h = index / q % p * stride - pad + r * dilation;
    const int w = index % q * stride - pad + s * dilation;
    if (n >= kN || h < 0 || h >= kH || w < 0 || w >= kW) continue;
    for (int i = 0; i < kRow && c + i < kC; ++i) {
      expected[static_cast<size_t>(swizzled(pixel, i))] =
          values[static_cast<size_t>(((n * kH + h) * kW + w) * kC + c + i)];
    }
  }
  const std::string name = "TMA im2col: stride " + std::to_string(stride) + ", pad " + std::to_string(pad) +
                           ", dilation " + std::to_string(dilation);
  report.add(name.c_str(), same(out.read(), expected));
}

/** Stores a box of 8 rows whose end hangs out of the matrix. */
__global__ void store_box(const __grid_constant__ TensorMap map) {
  FUSOR_DYNAMIC_SHARED(uint16_t, shared);
  for (int i = threadIdx.x; i < 8 * kRow; i += blockDim.x) {
    shared[swizzled(i / kRow, i % kRow)] = static_cast<uint16_t>(i + 1);
  }
  fence_async_shared();
  __syncthreads();
  if (threadIdx.x == 0) {
    tma_store_2d(&map, shared, 16, 3);
    tma_store_commit();
    tma_store_wait_read<0>();
  }
}

void test_store(Stream& stream, Report& report) {
  constexpr int kRows = 7, kColumns = 72;
  std::vector<uint16_t> expected(kRows * kColumns, 0xcdcd);
  const Buffer<uint16_t> out(expected);
  TiledMap description{FUSOR_F16, out.data(), 2, {kColumns, kRows, 1}, {kColumns * 2, 0}, {64, 8, 1}};
  TensorMap map;
  require(encode_tiled(&map, description));
  require(launch(store_box, LaunchShape(1, 64, 8 * kRow * 2), stream, map));
  for (int row = 3; row < kRows; ++row) {
    for (int column = 16; column < kColumns; ++column) {
      expected[static_cast<size_t>(row * kColumns + column)] =
          static_cast<uint16_t>((row - 3) * kRow + column - 16 + 1);
    }
  }
  report.add("TMA store: swizzle, nothing outside", same(out.read(), expected));
}

// ---- mbarrier
// -----------------------------------------------------------------------------------------------------------

/** Two warps pass a number to and fro through four phases. */
__global__ void ping_pong(int* out) {
  FUSOR_DYNAMIC_SHARED(uint64_t, shared);
  MBarrier *const ball = shared, *const back = shared + 1;
  int* const value = reinterpret_cast<int*>(shared + 2);
  if (threadIdx.x == 0) {
    mbarrier_initialise(ball, 32);
    mbarrier_initialise(back, 1);
    *value = 0;
    mbarrier_initialise_fence();
  }
  __syncthreads();
  for (int round = 0; round < 4; ++round) {
    if (warp_index() == 0) {
      if (lane_index() == 0) *value = *value + round + 1;
      __syncwarp();
      mbarrier_arrive(ball);
      mbarrier_wait(back, round & 1);
    } else {
      mbarrier_wait(ball, round & 1);
      if (lane_index() == round) out[round] = *value;
      __syncwarp();
      if (lane_index() == 0) mbarrier_arrive(back);
    }
  }
}

// ---- wgmma
// --------------------------------------------------------------------------------------------------------------

/** D [64, N] = A [64, 64] B [N, 64] transposed, the four steps of 16 one after the other, then once more on
 * top. */
template <class T, int N>
__global__ void __launch_bounds__(128) multiply(const float* a, const float* b, float* d) {
  FUSOR_DYNAMIC_SHARED(unsigned char, shared);
  T *const a_tile = reinterpret_cast<T*>(shared), *const b_tile = a_tile + 64 * kRow;
  for (int i = threadIdx.x; i < 64 * kRow; i += 128)
    a_tile[swizzled(i / kRow, i % kRow)] = from_float<T>(a[i]);
  for (int i = threadIdx.x; i < N * kRow; i += 128)
    b_tile[swizzled(i / kRow, i % kRow)] = from_float<T>(b[i]);
  fence_async_shared();
  __syncthreads();
  float sums[N / 2];
  const uint64_t da = wgmma_descriptor(a_tile), db = wgmma_descriptor(b_tile);
#pragma unroll
  for (int batch = 0; batch < 2; ++batch) {
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < 4; ++k) wgmma<T>(sums, da + k * 2, db + k * 2, batch > 0 || k > 0);
    wgmma_commit();
    wgmma_wait<0>();
  }
  const int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4, column = threadIdx.x % 4 * 2;
#pragma unroll
  for (int i = 0; i < N / 2; ++i) d[(row + i / 2 % 2 * 8) * N + i / 4 * 8 + column + i % 2] = sums[i];
}

template <class T, int N>
void test_wgmma(Stream& stream, Report& report, const char* name) {
  std::vector<float> a(64 * 64), b(N * 64), d(64 * N);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(static_cast<int>(i * 37 % 17) - 8);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(static_cast<int>(i * 23 % 13) - 6);
  const Buffer<float> da(a), db(b);
  Buffer<float> dd(d.size());
  require(launch(multiply<T, N>, LaunchShape(1, 128, (64 + N) * kRow * 2), stream, da.data(), db.data(),
                 dd.data()));
  for (size_t row = 0; row < 64; ++row) {
    for (size_t column = 0; column < N; ++column) {
      float sum = 0;
      for (size_t k = 0; k < 64; ++k) sum += a[row * 64 + k] * b[column * 64 + k];
      d[row * N + column] = 2 * sum;
    }
  }
  report.add(name, same(dd.read(), d));
}

}  // namespace

void test_hopper(Stream& stream, Report& report) {
  Buffer<int> out(4);
  require(launch(ping_pong, LaunchShape(1, 64, 32), stream, out.data()));
  report.add("mbarrier: arrivals and phases", same(out.read(), {1, 3, 6, 10}));
  test_tiled(stream, report);
  test_im2col(stream, report, 1, 1, 1);
  test_im2col(stream, report, 2, 1, 1);
  test_im2col(stream, report, 1, 2, 2);
  test_im2col(stream, report, 1, 0, 1);
  test_store(stream, report);
  test_wgmma<bf16, 64>(stream, report, "wgmma m64n64k16 bf16");
  test_wgmma<f16, 64>(stream, report, "wgmma m64n64k16 f16");
  test_wgmma<bf16, 128>(stream, report, "wgmma m64n128k16 bf16");
  test_wgmma<f16, 128>(stream, report, "wgmma m64n128k16 f16");
}

}  // namespace fusor::cuda::primitives
