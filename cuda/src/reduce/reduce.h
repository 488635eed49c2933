// Sum, mean, product, greatest, least, variance, any and all over any dimensions.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kReduce;

class Reduction;
/** Mean and biased variance of each result's elements, in f32, row-major: what batch- and group-norm ask. */
Status moments(OpContext& context, const Reduction& reduction, const fusor_buffer& x, float* mean,
               float* variance);

}  // namespace fusor::cuda
