// Copies between layouts: channel-blocked and strided, any to any.
#pragma once

#include "cpu/isa/kernel_set.h"
#include "cpu/layout/blocked.h"
#include "cpu/threads/pool.h"
#include "fusor/types.h"

namespace fusor::cpu {

// Copies `source` into `destination`: same sizes and dtype, any layout and strides on either side (strides of
// 0 in the source only). A blocked destination gets its interior and its padding lanes (zero); its halo is
// not touched. Blocked buffers are f32 of the set's lanes. The two must not overlap. Inside a Pool::Turn.
fusor_status convert_layout(const KernelSet& kernels, Pool& pool, int threads, const fusor_buffer& source,
                            const fusor_buffer& destination);

// Writes zeros into the border of every block.
void zero_halo(const BlockedView& view);

}  // namespace fusor::cpu
