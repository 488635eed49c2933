// Which order of dimensions a result takes.
#pragma once

#include "backend/buffer.h"

namespace fusor::cuda {

/** Gives `output` the strides of `like` if that is dense and of the same sizes, and says whether it did:
 * results of channels-last images are channels-last. */
inline bool take_layout(fusor_buffer& output, const fusor_buffer& like) {
  if (!same_sizes(output, like) || !is_dense(like)) return false;
  set_strides_like(output, like);
  return true;
}

}  // namespace fusor::cuda
