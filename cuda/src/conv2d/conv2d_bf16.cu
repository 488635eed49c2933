#include "conv2d/half.h"

namespace fusor::cuda::conv2d_detail {

template Status run_implicit_gemm<bf16>(Stream&, const Geometry&, const GemmOperands<bf16>&, Tile, int,
                                        Precision);

}  // namespace fusor::cuda::conv2d_detail
