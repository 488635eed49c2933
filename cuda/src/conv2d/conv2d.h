// y = activation(x * w + bias + residual): convolution over images whose channels lie next to each other
// (NHWC), with weights [k][r][s][c / groups]. A matrix product is the same with one pixel per row.
#pragma once

#include "arch/stream.h"
#include "fusor/ops.h"
#include "fusor/types.h"

namespace fusor::cuda {

/** How f32 is multiplied. Sums are f32 in all of them. */
enum class Precision {
  f32,    /* exact products, on the general cores */
  tf32,   /* operands rounded to 10 bits of mantissa */
  bf16x3, /* operands as sums of two bf16, three of the four products: about 16 bits */
};

/** Many products of matrices in one launch: y is [count] products of [rows, columns], one after the other;
 * the batch's dimensions, innermost first, say which matrix of x and which of the weights belong to each. */
struct MatrixBatch {
  static constexpr int kMostRank = FUSOR_MAX_RANK - 2;
  int64_t count = 1; /* product of the sizes */
  int rank = 0;
  int64_t sizes[kMostRank] = {};
  int64_t x_steps[kMostRank] = {}, weight_steps[kMostRank] = {}; /* in matrices; 0: the same for all */
  int64_t x_matrices = 1, weight_matrices = 1;                   /* that there are */

  /** Adds the next dimension outwards; joins it with the one before where both step alike. */
  void add(int64_t size, int64_t x_step, int64_t weight_step);
};

/** A max-pool over the convolution's result, in the same kernel. Padding counts as less than everything. */
struct MaxPool {
  int kernel_h = 0, kernel_w = 0; /* 0: none */
  int stride_h = 1, stride_w = 1, pad_top = 0, pad_left = 0;
  int p = 0, q = 0; /* of the pooled image */
};

struct Conv2dArguments {
  fusor_dtype dtype = FUSOR_F32; /* of all buffers: f32, f16 or bf16 */
  Precision precision = Precision::f32;
  int64_t n = 1;
  int h = 1, w = 1, c = 0; /* of x */
  int k = 0, r = 1, s = 1; /* of the weights */
  int p = 1, q = 1;        /* of y: height and width */
  int pad_top = 0, pad_left = 0;
  int stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int groups = 1;
  const void* x = nullptr;
  const void* weight = nullptr;
  const void* bias = nullptr;     /* [k]; nullptr: zeros */
  const void* residual = nullptr; /* shape of y; nullptr: zeros; may be y */
  void* y = nullptr;
  fusor_activation activation{FUSOR_ACTIVATION_NONE, 0.f, 0.f};
  bool constant_weight = false; /* of a plan: there before any launch that may still run */
  int64_t deciding_n = 0;       /* not 0: the order of sums is chosen as for so many images */
  MaxPool pool{};               /* with one, y is the pooled image */
  MatrixBatch batch{};          /* of matrix_product(...) only */
  void* workspace = nullptr;    /* conv2d_workspace(...) bytes */
};

enum class Conv2dAlgorithm {
  implicit_gemm, /* tensor cores (f32: general cores), tiles of pixels x channels */
  depthwise,     /* one input channel per group */
  grouped,       /* few channels per group */
  hopper,        /* the same by TMA and wgmma; tiles of 128 pixels x 64 or 128 channels */
  pooled,        /* implicit GEMM and the max-pool behind it; tiles of 256 pixels x 64 channels */
  patch,         /* up to four channels in 16 bits, with a max-pool behind it or without */
};

enum class Tile { t128x128, t128x64, t64x64, t32x64 };

/** What a launch does: chosen once, when a plan is built. */
struct Conv2dChoice {
  Conv2dAlgorithm algorithm = Conv2dAlgorithm::implicit_gemm;
  Tile tile = Tile::t128x128;
  int splits = 1;   /* of the sum over r, s, c, added up in order afterwards */
  int padded_c = 0; /* not 0: x and weights are copied with so many channels first */
};

/** By a cost model of tiles and waves; the pointers are looked at for their alignment only. */
Conv2dChoice choose_conv2d(const DeviceProperties& device, const Conv2dArguments& arguments);
/** Whether a convolution with `arguments.pool` is possible in one kernel, and expected to take less time than
 * in two. */
bool pays_to_pool(const DeviceProperties& device, const Conv2dArguments& arguments);
/** Bytes of workspace that the choice needs; 0 without splits. */
int64_t conv2d_workspace(const Conv2dArguments& arguments, const Conv2dChoice& choice);
Status conv2d(Stream& stream, const Conv2dArguments& arguments, const Conv2dChoice& choice);
/** E.g. "implicit gemm 128x64, 3 splits". */
std::string describe(const Conv2dChoice& choice);

/** The output's size along one dimension. */
constexpr int conv2d_output_size(int input, int kernel, int stride, int dilation, int pad_before,
                                 int pad_after) {
  return (input + pad_before + pad_after - dilation * (kernel - 1) - 1) / stride + 1;
}

/** Arguments of a row-major matrix product: y [rows, columns] = x [rows, inner] * weight [columns, inner],
 * transposed. */
Conv2dArguments matrix_product(fusor_dtype dtype, int64_t rows, int columns, int inner);

}  // namespace fusor::cuda
