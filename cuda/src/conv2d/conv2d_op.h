// torch.nn.functional.conv2d with bias, residual and activation: the entry of the op table. Kernels are in
// conv2d.h.
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kConv2d;

/** A convolution without residual and the max-pool behind it as one step: kPooledConv2d's attributes. */
struct PooledConv2dAttributes {
  uint32_t struct_size;
  fusor_conv2d_attributes conv;
  fusor_pool2d_attributes pool;
};

/** Inputs of the convolution, output of the pool. Of plans only: see plan/pooled.h. The second reads images
 * of any strides, so that they need not be brought into an order first, where patch.h has a kernel. */
extern const OpEntry kPooledConv2d, kPooledPatchConv2d;
const OpEntry& pooled_conv2d_entry(const DeviceProperties& properties, const fusor_op_call& call,
                                   const OpOptions& options);
/** Whether that is expected to be faster than the two apart. Looks at sizes and dtypes. */
bool pays_to_pool(const DeviceProperties& properties, const fusor_op_call& call, const OpOptions& options);

}  // namespace fusor::cuda
