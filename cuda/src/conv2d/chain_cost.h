// What a chain is expected to take, and the separate kernels: the larger of arithmetic and memory traffic,
// and a part of the smaller, which does not hide behind it. In clocks of one multiprocessor, so that cards of
// one generation with fewer or more of them are judged alike.
#pragma once

#include "conv2d/chain.h"

namespace fusor::cuda::chain_detail {

/** A multiprocessor's multiply-adds a clock of 16-bit operands, and its share of the memory's bytes a clock.
 */
struct Rates {
  double convolution; /* of the kernels that a plain convolution gets */
  double chain;       /* of mma.sync with operands from shared memory */
  double bytes;
};
Rates rates_of(const DeviceProperties& device);

/** Of the separate kernels. */
double separate_clocks(const DeviceProperties& device, const ChainArguments& arguments);
/** Of the chain by the kernel of the choice. */
double chain_clocks(const DeviceProperties& device, const ChainArguments& arguments,
                    const ChainChoice& choice);

}  // namespace fusor::cuda::chain_detail
