// The table of one instruction set, collected from the op folders.
#include "cpu/isa/kernel_set.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {

extern const BatchNormKernels batch_norm_kernels;
extern const BinaryKernels binary_kernels;
extern const ConvertKernels convert_kernels;
extern const ConvolutionKernels convolution_kernels;
extern const CopyKernels copy_kernels;
extern const GemmKernels gemm_kernels;
extern const LayerNormKernels layer_norm_kernels;
extern const LayoutKernels layout_kernels;
extern const PeakKernels peak_kernels;
extern const Pool2dKernels pool2d_kernels;
extern const RandomKernels random_kernels;
extern const ReduceKernels reduce_kernels;
extern const ResidualAddKernels residual_add_kernels;
extern const SoftmaxKernels softmax_kernels;
extern const UnaryKernels unary_kernels;
extern const WhereKernels where_kernels;

extern const KernelSet kernel_set;
const KernelSet kernel_set = {
    .name = FUSOR_SIMD_NAME,
    .lanes = FUSOR_SIMD_BYTES / 4,
    .registers = FUSOR_SIMD_REGISTERS,
    .batch_norm = &batch_norm_kernels,
    .binary = &binary_kernels,
    .convert = &convert_kernels,
    .convolution = &convolution_kernels,
    .copy = &copy_kernels,
    .gemm = &gemm_kernels,
    .layer_norm = &layer_norm_kernels,
    .layout = &layout_kernels,
    .peak = &peak_kernels,
    .pool2d = &pool2d_kernels,
    .random = &random_kernels,
    .reduce = &reduce_kernels,
    .residual_add = &residual_add_kernels,
    .softmax = &softmax_kernels,
    .unary = &unary_kernels,
    .where = &where_kernels,
};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
