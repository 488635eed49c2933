// Which chain kernels there are: the one list of what is compiled, tested and chosen from.
#pragma once

#include "conv2d/chain.h"
#include "conv2d/chain_layout.h"

namespace fusor::cuda::chain_detail {

/** Calls `each(Shape)` for every kernel. Two fragments a warp halve what it reads of the weights from shared
 * memory; sums of 128 + 128 or more channels leave registers for one only. */
template <class T, class Each>
void for_each_shape(Each each) {
  each(Shape<T, 64, 64, 2, true>());
  each(Shape<T, 64, 64, 2, false>());
  each(Shape<T, 64, 64, 1, true>());
  each(Shape<T, 64, 64, 1, false>());
  each(Shape<T, 64, 128, 1, true>());
  each(Shape<T, 64, 128, 1, false>());
  each(Shape<T, 64, 0, 2, true>());
  each(Shape<T, 64, 0, 2, false>());
  each(Shape<T, 64, 0, 1, false>());
  each(Shape<T, 128, 128, 1, false>());
  each(Shape<T, 128, 0, 1, false>());
}

/** Calls `found(Shape)` for the kernel of a choice, if there is one. */
template <class T, class Found>
void with_shape(const ChainChoice& choice, Found found) {
  for_each_shape<T>([&]<class S>(S shape) {
    if (choice.n1 == S::N1 && choice.n3 == S::N3 && choice.fragments == S::Fragments &&
        choice.resident == S::Resident) {
      found(shape);
    }
  });
}

}  // namespace fusor::cuda::chain_detail
