// tune: 'measure': the algorithm of a convolution by timing the candidates on this machine.
#pragma once

#include "cpu/conv2d/convolution.h"

namespace fusor::cpu {

// The fastest candidate's name for make_convolution's `force`, or null where there is no choice. Each shape
// is measured once per process and instruction set. Inside a Pool::Turn.
const char* measured_algorithm(const KernelSet& kernels, Pool& pool, int threads,
                               const ConvolutionShape& shape, const float* weight, const float* bias,
                               const fusor_activation& activation, const ConvolutionOptions& options);

}  // namespace fusor::cpu
