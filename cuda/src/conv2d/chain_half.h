// The instantiations of the chain kernel, for chain_bf16.cu and chain_f16.cu.
#pragma once

#include "conv2d/chain_kernel.h"
#include "conv2d/chain_shapes.h"

namespace fusor::cuda::chain_detail {

template <class T>
Status run_chain(Stream& stream, const Problem& problem, const ChainChoice& choice) {
  Status status{FUSOR_ERROR_INTERNAL, "chain: a choice without a kernel"};
  with_shape<T>(choice, [&]<class S>(S) {
    const LaunchShape shape(static_cast<unsigned>(choice.blocks), kThreads,
                            static_cast<size_t>(SharedLayout::of<S>(problem).bytes));
    // In a generic lambda nvcc takes the assignment's result for a status that nobody looks at.
    static_cast<void>(status = launch_early(chain_kernel<S>, shape, stream, problem));
  });
  return status;
}

}  // namespace fusor::cuda::chain_detail
