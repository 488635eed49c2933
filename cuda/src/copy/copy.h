// Copies elements of one dtype from any strides to any strides: changes of layout, views made contiguous.
#pragma once

#include "arch/stream.h"
#include "fusor/types.h"

namespace fusor::cuda {

/** Both of one shape and dtype, FUSOR_LAYOUT_STRIDED; the destination has every element once. They do not
 * overlap. */
Status copy_elements(Stream& stream, const fusor_buffer& source, const fusor_buffer& destination);

}  // namespace fusor::cuda
