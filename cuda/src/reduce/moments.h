// Mean and biased variance over any dimensions: what batch-norm in training and group-norm ask of reductions.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

class Reduction;

/** One f32 for each result, row-major. What the mean lost when it was rounded to f32 is kept beside it: of
 * values that lie close together far from 0 it is as much as their differences. */
struct Moments {
  float *mean = nullptr, *mean_rest = nullptr, *variance = nullptr;
};

/** Moments of `outputs` results, in workspace. */
Status moments(OpContext& context, const Reduction& reduction, const fusor_buffer& x, Moments* result);

}  // namespace fusor::cuda
