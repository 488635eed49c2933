#include "conv2d/chain_half.h"

namespace fusor::cuda::chain_detail {

template Status run_chain<bf16>(Stream&, const Problem&, const ChainChoice&);

}  // namespace fusor::cuda::chain_detail
