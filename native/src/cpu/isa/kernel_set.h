// One table of kernels per instruction set. Every *.simd.cpp file is compiled once for each set, in a
// namespace of its own, and fills its part of the table; the table for this machine is chosen once, at load.
//
// Code in *.simd.cpp must not instantiate inline functions or templates that other translation units share
// (the linker would keep one copy, perhaps the AVX-512 one): no standard library containers or algorithms
// there, everything in an anonymous namespace, and only plain types in the tables. A test looks at the
// objects' symbols.
#pragma once

namespace fusor::cpu {

// Each op folder declares its table in <op>.h, fills it in <op>.simd.cpp and has one line here and in
// kernel_set.simd.cpp.
struct BatchNormKernels;
struct BinaryKernels;
struct ConvertKernels;
struct ConvolutionKernels;
struct CopyKernels;
struct GemmKernels;
struct LayerNormKernels;
struct LayoutKernels;
struct PeakKernels;
struct Pool2dKernels;
struct RandomKernels;
struct ReduceKernels;
struct ResidualAddKernels;
struct SoftmaxKernels;
struct UnaryKernels;
struct WhereKernels;

struct KernelSet {
  const char* name;  // "baseline", "avx2", "avx512", "avx512-emulated", "neon"
  int lanes;         // f32 lanes of a vector: also the channel block of activations
  int registers;     // vector registers, for register tiles

  const BatchNormKernels* batch_norm;
  const BinaryKernels* binary;
  const ConvertKernels* convert;
  const ConvolutionKernels* convolution;
  const CopyKernels* copy;
  const GemmKernels* gemm;
  const LayerNormKernels* layer_norm;
  const LayoutKernels* layout;
  const PeakKernels* peak;
  const Pool2dKernels* pool2d;
  const RandomKernels* random;
  const ReduceKernels* reduce;
  const ResidualAddKernels* residual_add;
  const SoftmaxKernels* softmax;
  const UnaryKernels* unary;
  const WhereKernels* where;
};

// The set in use: the best that cpuid and the operating system allow, or the one that FUSOR_ISA names. Null,
// with `isa_error()` saying why, if FUSOR_ISA names one that this machine lacks.
const KernelSet* active_kernels();
const char* isa_error();

// Every set that this machine can run, the emulated one included, least capable first. Tests go through them.
struct KernelSetList {
  const KernelSet* const* sets;
  int count;
};
KernelSetList runnable_kernels();

}  // namespace fusor::cpu
