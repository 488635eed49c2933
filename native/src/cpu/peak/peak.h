// How fast this machine multiplies and adds: the bound that everything else is compared with.
#pragma once

#include <cstdint>

#include "cpu/isa/kernel_set.h"
#include "cpu/threads/pool.h"

namespace fusor::cpu {

struct PeakKernels {
  // A loop of `steps` rounds of independent f32 multiply-adds in registers; writes one number that depends on
  // all.
  void (*multiply_add)(int64_t steps, float* result);
  int64_t operations_per_step;  // a multiply-add counts as two
};

// GFLOP/s on `threads` threads, the best of several windows of some milliseconds. Inside a Pool::Turn.
double measure_peak(const KernelSet& kernels, Pool& pool, int threads);

}  // namespace fusor::cpu
