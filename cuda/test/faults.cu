#include "faults.h"

#include "arch/async_copy.h"
#include "arch/launch.h"
#include "arch/vector.h"
#include "arch/warp.h"

namespace fusor::cuda::testing {
namespace {

constexpr int kThreads = 128;

__global__ void reverse(Fault fault, const float* x, float* y) {
  FUSOR_DYNAMIC_SHARED(float, values);
  FUSOR_SHARED(float, small, 4);
  const int i = threadIdx.x;
  if (fault == Fault::ended_before_barrier && i >= 64) return;
  if (fault == Fault::misaligned && i == 3) load<4>(x + 1);
  if (fault == Fault::global_vector_out_of_bounds && i == 3) load<4>(x + kThreads);
  if (fault == Fault::static_shared_out_of_bounds && i == 3) small[4 + i % 2] = 1.f;
  if (fault == Fault::shared_out_of_bounds && i == 3) values[kThreads] = 1.f;
  if (fault != Fault::uninitialised_shared || i != 5) async_copy<4>(values + i, x + i);
  async_copy_commit();
  if (fault != Fault::missing_wait) async_copy_wait<0>();
  if (fault != Fault::missing_synchronization) {
    if (fault != Fault::barrier_not_reached || i < 64) __syncthreads();
  }
  if (fault == Fault::collective_not_reached && i != 40) __syncwarp();
  if (fault == Fault::lane_outside_mask) __shfl_xor_sync(0x0000ffffu, i, 1);
  float value = values[kThreads - 1 - i];
  if (fault == Fault::global_out_of_bounds) value += 0.f * x[i + 1];
  y[i - (fault == Fault::global_out_of_bounds_write ? 1 : 0)] = value;
}

__global__ void reverse_early(Fault fault, const float* x, float* y) {
  FUSOR_DYNAMIC_SHARED(float, values);
  const int i = threadIdx.x;
  let_next_launch_begin();
  float early = 0.f;
  if (fault == Fault::touched_before_waiting && i == 77) early = x[i];
  if (fault == Fault::copied_before_waiting && i == 77) async_copy<4>(values + i, x + i);
  if (fault == Fault::never_waited && i == 77) return;
  wait_for_earlier_launches();
  y[kThreads - 1 - i] = x[i] + 0.f * early;
}

}  // namespace

Status reverse_with_fault(Stream& stream, Fault fault, const float* x, float* y) {
  if (fault >= Fault::touched_before_waiting) {
    return launch_early(reverse_early, LaunchShape(1, kThreads, kThreads * sizeof(float)), stream, fault, x,
                        y);
  }
  return launch(reverse, LaunchShape(1, kThreads, kThreads * sizeof(float)), stream, fault, x, y);
}

}  // namespace fusor::cuda::testing
