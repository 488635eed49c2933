// The second half of a split convolution: the splits' sums, added in order, and the epilogue. 4 (splits + 1)
// to 4 splits + 6 bytes an output from the L2, where the first half has just put them.
#include "conv2d/implicit_gemm.h"

namespace fusor::cuda::conv2d_detail {
namespace {

constexpr int kThreads = 256;

template <class T, int Length>
__global__ void __launch_bounds__(kThreads)
    finish_splits(const Epilogue<T> epilogue, int64_t rows, int channels, int splits) {
  begin_after_earlier_launches();
  const int64_t index = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * Length, count = rows * channels;
  if (index >= count) return;
  float sums[Length] = {};
  for (int split = 0; split < splits; ++split) {
#pragma unroll
    for (int i = 0; i < Length; i += (Length < 4 ? 1 : 4)) {
      const auto v = load<(Length < 4 ? 1 : 4)>(epilogue.partial + split * count + index + i);
#pragma unroll
      for (int j = 0; j < v.size; ++j) sums[i + j] += v[j];
    }
  }
  const int64_t row = index / channels;
  finish<Length>(epilogue, row, static_cast<int>(index - row * channels), channels, sums);
}

}  // namespace

template <class T>
Status add_splits(Stream& stream, const Geometry& g, int64_t rows, const Epilogue<T>& epilogue, int splits,
                  bool aligned) {
  constexpr int kLength = kVectorLength<T>;
  const int64_t count = rows * g.pixel_y;
  if (aligned) {
    return launch_early(finish_splits<T, kLength>,
                        LaunchShape(blocks_for(count, kThreads * kLength), kThreads), stream, epilogue, rows,
                        g.pixel_y, splits);
  }
  return launch_early(finish_splits<T, 1>, LaunchShape(blocks_for(count, kThreads), kThreads), stream,
                      epilogue, rows, g.pixel_y, splits);
}

template Status add_splits<float>(Stream&, const Geometry&, int64_t, const Epilogue<float>&, int, bool);
template Status add_splits<f16>(Stream&, const Geometry&, int64_t, const Epilogue<f16>&, int, bool);
template Status add_splits<bf16>(Stream&, const Geometry&, int64_t, const Epilogue<bf16>&, int, bool);

}  // namespace fusor::cuda::conv2d_detail
