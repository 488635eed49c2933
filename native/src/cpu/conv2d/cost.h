// What each algorithm is expected to cost: the choice of `tune: 'table'`.
#pragma once

#include "cpu/conv2d/convolution.h"

namespace fusor::cpu {

// Estimated cycles of one core, from the shape, the batch and the instruction set only (never the threads,
// which divide all of it alike).
double direct_cycles(const KernelSet& kernels, const ConvolutionShape& shape);
double winograd_cycles(const KernelSet& kernels, const ConvolutionShape& shape,
                       int tile);  // of 4, 3 or 2 pixels
double winograd_stem_cycles(const KernelSet& kernels, const ConvolutionShape& shape);

}  // namespace fusor::cpu
