#include "cpu/conv2d/kernels.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {

void direct(const DirectBlock& block);
void winograd4_input(const WinogradBlock& block);
void winograd4_product(const WinogradBlock& block);
void winograd3_input(const WinogradBlock& block);
void winograd3_product(const WinogradBlock& block);
void winograd2_input(const WinogradBlock& block);
void winograd2_product(const WinogradBlock& block);
void winograd4_strided_input(const WinogradBlock& block);
void winograd4_strided_product(const WinogradBlock& block);
void winograd2_strided_input(const WinogradBlock& block);
void winograd2_strided_product(const WinogradBlock& block);
void grouped(const GroupedRows& rows);
void depthwise(const GroupedRows& rows);
void stem(const StemRows& rows);
void stem_winograd(const StemTile& tile);

extern const ConvolutionKernels convolution_kernels;
const ConvolutionKernels convolution_kernels = {
    .direct = direct,
    .winograd4 = {winograd4_input, winograd4_product},
    .winograd3 = {winograd3_input, winograd3_product},
    .winograd2 = {winograd2_input, winograd2_product},
    .winograd4_strided = {winograd4_strided_input, winograd4_strided_product},
    .winograd2_strided = {winograd2_strided_input, winograd2_strided_product},
    .grouped = grouped,
    .depthwise = depthwise,
    .stem = stem,
    .stem_winograd = stem_winograd,
};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
