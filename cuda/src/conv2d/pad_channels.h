// Images of 3 channels, and other counts that are no multiple of what a copy takes: a copy of x and of the
// weights with zeros in between costs one pass over x and lets the convolution run as fast as any.
#pragma once

#include "arch/stream.h"

namespace fusor::cuda::conv2d_detail {

/** `rows` rows of `columns` elements become rows of `padded` elements, with zeros at their ends. */
Status pad_rows(Stream& stream, fusor_dtype dtype, const void* from, void* to, int64_t rows, int columns,
                int padded);

}  // namespace fusor::cuda::conv2d_detail
