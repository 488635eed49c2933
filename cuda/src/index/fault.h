// Indices that are out of range. Kernels find them while the host is long past the call: they leave word in
// host memory that the device can write, and whoever waits for the stream next looks there.
#pragma once

#include <cstdint>

#include "arch/stream.h"

namespace fusor::cuda {

struct IndexFault {
  int64_t index, size;
  int32_t happened;
};

/** Where kernels of this stream's device report. Made at the first call. */
Status index_fault(const Stream& stream, IndexFault** fault);

/** FUSOR_ERROR_ARGUMENT if a kernel of the device has reported one since the last call. To be called when the
 * work is known to be done. */
Status take_index_fault(int device);

}  // namespace fusor::cuda
