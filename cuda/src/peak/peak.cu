// Every thread keeps eight sums going: a multiply-add takes four cycles to finish and a scheduler starts one
// a cycle for each of its warps, so eight of them in each of eight warps a scheduler leave no cycle empty.
#include "peak/peak.h"

#include "arch/device_api.h"
#include "arch/launch.h"

namespace fusor::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kSums = 8;

__global__ void __launch_bounds__(kThreads) fma_kernel(float* result, int rounds, float factor, float term) {
  float sums[kSums];
#pragma unroll
  for (int i = 0; i < kSums; ++i) sums[i] = static_cast<float>(threadIdx.x + i);
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int i = 0; i < kSums; ++i) sums[i] = sums[i] * factor + term;
  }
  float total = 0;
#pragma unroll
  for (int i = 0; i < kSums; ++i) total += sums[i];
  // Never so, but the compiler cannot know: nothing may be left out.
  if (total == 0.125f) result[blockIdx.x] = total;
}

}  // namespace

Status measure_fma_rate(Stream& stream, double* gflops) {
#if defined(__CUDACC__)
  constexpr int rounds = 1 << 14;
  const int blocks = 32 * stream.properties->multiprocessors;
#else
  constexpr int rounds = 1 << 10;
  const int blocks = 2;
#endif
  void* result = nullptr;
  FUSOR_RETURN_IF_ERROR(device::allocate(&result, static_cast<int64_t>(blocks) * 4));
  DeviceEvent events[2] = {};
  const auto measure = [&]() -> Status {
    for (DeviceEvent& event : events) FUSOR_RETURN_IF_ERROR(device::event_create(&event, true));
    float best = 0;
    // The first run warms up.
    for (int run = 0; run < 4; ++run) {
      FUSOR_RETURN_IF_ERROR(device::event_record(events[0], stream.handle));
      FUSOR_RETURN_IF_ERROR(launch(fma_kernel, LaunchShape(static_cast<unsigned>(blocks), kThreads), stream,
                                   static_cast<float*>(result), rounds, 0.5f, 1.0f));
      FUSOR_RETURN_IF_ERROR(device::event_record(events[1], stream.handle));
      FUSOR_RETURN_IF_ERROR(device::event_synchronize(events[1]));
      float milliseconds = 0;
      FUSOR_RETURN_IF_ERROR(device::event_milliseconds(&milliseconds, events[0], events[1]));
      if (run > 0 && (best == 0 || milliseconds < best)) best = milliseconds;
    }
    const double operations = 2.0 * kSums * kThreads * rounds * blocks;
    *gflops = best > 0 ? operations / (static_cast<double>(best) * 1e6) : 0;
    return {};
  };
  const Status status = measure();
  for (DeviceEvent event : events)
    if (event != nullptr) (void)device::event_destroy(event);
  (void)device::release(result);
  return status;
}

}  // namespace fusor::cuda
