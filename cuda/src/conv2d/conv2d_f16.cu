#include "conv2d/half.h"

namespace fusor::cuda::conv2d_detail {

template Status run_implicit_gemm<f16>(Stream&, const Geometry&, const GemmOperands<f16>&, Tile, int,
                                       Precision);

}  // namespace fusor::cuda::conv2d_detail
