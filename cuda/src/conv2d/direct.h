// Convolutions with so few channels per group that tiles of a matrix product would be mostly empty.
#pragma once

#include "conv2d/conv2d.h"
#include "conv2d/epilogue.h"

namespace fusor::cuda::conv2d_detail {

/** One input channel per group; as many outputs as groups. */
template <class T>
Status run_depthwise(Stream& stream, const Geometry& g, const T* x, const T* weight,
                     const Epilogue<T>& epilogue, bool aligned);

/** Any groups. */
template <class T>
Status run_grouped(Stream& stream, const Geometry& g, const T* x, const T* weight,
                   const Epilogue<T>& epilogue);

}  // namespace fusor::cuda::conv2d_detail
