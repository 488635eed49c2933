// Convolutions of a bottleneck network in one launch, for stages that memory limits:
//
//   hidden = activation1(3x3(x) + bias1)                      [n h w k1], never in memory
//   y      = activation2(1x1(hidden) + bias2 + residual)      [n h w k2], written: the next block adds it
//   z      = activation3(1x1(y) + bias3)                      [n h w k3], written; y is not read back for it
//
// Without the last line (k3 = 0) it is a chain of two. docs/decisions/0024 has the bytes that this saves and
// what it costs; chain_kernel.h how it works.
#pragma once

#include <string>

#include "arch/stream.h"
#include "fusor/ops.h"

namespace fusor::cuda {

/** Channels last, weights [k][r][s][c]. The 3x3 has stride 1, dilation 1, padding 1 and one group. */
struct ChainArguments {
  fusor_dtype dtype = FUSOR_BF16; /* of all buffers: f16 or bf16 */
  int64_t n = 1;
  int h = 1, w = 1;
  int c = 0, k1 = 0, k2 = 0, k3 = 0; /* k3 = 0: there is no z */
  const void* x = nullptr;
  const void *weight1 = nullptr, *weight2 = nullptr, *weight3 = nullptr;
  const void *bias1 = nullptr, *bias2 = nullptr, *bias3 = nullptr; /* nullptr: zeros */
  bool has_residual = false;
  const void* residual = nullptr; /* shape of y */
  void *y = nullptr, *z = nullptr;
  /* none, ReLU or clamp */
  fusor_activation activation1{}, activation2{}, activation3{};
};

/** What a launch does: chosen once, when a plan is built. */
struct ChainChoice {
  int n1 = 0, n3 = 0;    /* channels of hidden and z in registers: k1 and k3 rounded up to 64 or 128 */
  int fragments = 0;     /* of 16 pixels a warp: tiles have 128 times as many */
  bool resident = false; /* all weights stay in shared memory; otherwise they are streamed for every tile */
  int blocks = 0;
  int shared_bytes = 0;
  double gain = 0;    /* expected time of the separate kernels over that of the chain */
  std::string reason; /* why there is no such kernel; empty where there is */

  bool possible() const { return reason.empty(); }
};

/** By the cost model of chain_cost.h. Looks at no pointers; they must be aligned to 16 bytes when it runs. */
ChainChoice choose_chain(const DeviceProperties& device, const ChainArguments& arguments);
Status chain(Stream& stream, const ChainArguments& arguments, const ChainChoice& choice);
/** E.g. "chain 3x3 64, 1x1 256, 1x1 64: tiles of 256 pixels, weights resident, 187 KiB shared". */
std::string describe(const ChainArguments& arguments, const ChainChoice& choice);

}  // namespace fusor::cuda
