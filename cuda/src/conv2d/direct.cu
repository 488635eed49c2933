// Depthwise convolution: a thread makes one vector of channels of kPixels neighbouring output pixels, so that
// a weight is loaded once for all of them; the inputs they share come from the L1. Napkin, 3x3, bf16: 18 FLOP
// and 4 bytes an output: bound by memory (x and y once each) as long as the L1 catches the nine reads of an
// input.
//
// Grouped convolution: a thread makes one output; the inputs and weights of a group are few and stay in the
// L1. Napkin, ResNeXt-50 32x4d, 56 x 56 x 128 channels of 4: 72 FLOP an output; 0.4 M outputs an image are 29
// MFLOP, 0.5 us of the general cores at full rate and 0.4 us of memory.
#include "conv2d/direct.h"

#include "arch/launch.h"

namespace fusor::cuda::conv2d_detail {
namespace {

constexpr int kThreads = 128, kPixels = 4;

/** Weights [k][r][s][1] are read across k: a thread's Length weights of one tap are r * s apart. */
template <class T, int Length>
__global__ void __launch_bounds__(kThreads)
    depthwise(const __grid_constant__ Geometry g, const T* x, const T* weight, const Epilogue<T> epilogue) {
  begin_after_earlier_launches();
  const int vectors = g.groups / Length, strips = (g.q + kPixels - 1) / kPixels;
  const int64_t index = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  const int channel = static_cast<int>(index % vectors) * Length;
  const int64_t strip = index / vectors, line = strip / strips;
  const int first_q = static_cast<int>(strip - line * strips) * kPixels;
  const int64_t image = line / g.p;
  const int p = static_cast<int>(line - image * g.p);
  if (line >= g.rows / g.q) return;

  float sums[kPixels][Length] = {};
  for (int r = 0; r < g.r; ++r) {
    const int h = p * g.stride_h - g.pad_top + r * g.dilation_h;
    if (static_cast<unsigned>(h) >= static_cast<unsigned>(g.h)) continue;
    const T* row = x + (image * g.h + h) * g.w * g.pixel_x + channel;
    for (int s = 0; s < g.s; ++s) {
      float factors[Length];
#pragma unroll
      for (int i = 0; i < Length; ++i) {
        factors[i] = to_float(weight[(int64_t{channel + i} * g.r + r) * g.s + s]);
      }
#pragma unroll
      for (int pixel = 0; pixel < kPixels; ++pixel) {
        const int w = (first_q + pixel) * g.stride_w - g.pad_left + s * g.dilation_w;
        if (static_cast<unsigned>(w) >= static_cast<unsigned>(g.w)) continue;
        const Vector<T, Length> v = load<Length>(row + int64_t{w} * g.pixel_x);
#pragma unroll
        for (int i = 0; i < Length; ++i) sums[pixel][i] = fmaf(to_float(v[i]), factors[i], sums[pixel][i]);
      }
    }
  }
#pragma unroll
  for (int pixel = 0; pixel < kPixels; ++pixel) {
    if (first_q + pixel < g.q)
      finish<Length>(epilogue, line * g.q + first_q + pixel, channel, g.pixel_y, sums[pixel]);
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    grouped(const __grid_constant__ Geometry g, const T* x, const T* weight, const Epilogue<T> epilogue) {
  begin_after_earlier_launches();
  const int64_t index = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  const int64_t row = index / g.pixel_y;
  const int channel = static_cast<int>(index - row * g.pixel_y);
  if (row >= g.rows) return;
  const int group = channel / g.k;
  const PixelOrigin origin = PixelOrigin::at(row, g);
  const T* filter = weight + int64_t{channel} * g.inner;
  float sum[1] = {0.f};
  for (int r = 0; r < g.r; ++r) {
    for (int s = 0; s < g.s; ++s, filter += g.c) {
      const int dh = r * g.dilation_h, dw = s * g.dilation_w;
      if (!origin.inside(dh, dw, g)) continue;
      const T* pixel = x + origin.offset + (int64_t{dh} * g.w + dw) * g.pixel_x + group * g.c;
      for (int c = 0; c < g.c; ++c) sum[0] = fmaf(to_float(pixel[c]), to_float(filter[c]), sum[0]);
    }
  }
  finish<1>(epilogue, row, channel, g.pixel_y, sum);
}

}  // namespace

template <class T>
Status run_depthwise(Stream& stream, const Geometry& g, const T* x, const T* weight,
                     const Epilogue<T>& epilogue, bool aligned) {
  constexpr int kLength = kVectorLength<T>;
  const int64_t strips = g.rows / g.q * ((g.q + kPixels - 1) / kPixels);
  if (aligned) {
    return launch_early(depthwise<T, kLength>,
                        LaunchShape(blocks_for(strips * (g.groups / kLength), kThreads), kThreads), stream, g,
                        x, weight, epilogue);
  }
  return launch_early(depthwise<T, 1>, LaunchShape(blocks_for(strips * g.groups, kThreads), kThreads), stream,
                      g, x, weight, epilogue);
}

template <class T>
Status run_grouped(Stream& stream, const Geometry& g, const T* x, const T* weight,
                   const Epilogue<T>& epilogue) {
  return launch_early(grouped<T>, LaunchShape(blocks_for(g.rows * g.pixel_y, kThreads), kThreads), stream, g,
                      x, weight, epilogue);
}

#define FUSOR_DIRECT(T)                                                                                     \
  template Status run_depthwise<T>(Stream&, const Geometry&, const T*, const T*, const Epilogue<T>&, bool); \
  template Status run_grouped<T>(Stream&, const Geometry&, const T*, const T*, const Epilogue<T>&);
FUSOR_DIRECT(float)
FUSOR_DIRECT(f16)
FUSOR_DIRECT(bf16)

}  // namespace fusor::cuda::conv2d_detail
