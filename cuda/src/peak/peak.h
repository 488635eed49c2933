// What no kernel can exceed: the rate of independent f32 fused multiply-adds in registers.
#pragma once

#include "arch/stream.h"

namespace fusor::cuda {

Status measure_fma_rate(Stream& stream, double* gflops);

}  // namespace fusor::cuda
