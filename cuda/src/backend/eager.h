// One op at once: inputs brought into the form that its kernel takes, then the kernel.
#pragma once

#include <vector>

#include "backend/op_table.h"
#include "backend/prepared.h"
#include "index/fault.h"
#include "runtime/device.h"

namespace fusor::cuda {

/** Memory for the length of one op, from the device's allocator: what comes later is issued later. */
class EagerContext final : public OpContext {
 public:
  explicit EagerContext(Device& device) : OpContext(device.compute(), {}), device_(device) {}
  ~EagerContext() override;

  Status workspace(int64_t bytes, void** pointer) override;
  Status row_major(const fusor_buffer& source, fusor_buffer* result) override;
  Status channels_last(const fusor_buffer& source, fusor_buffer* result) override;
  Status index_fault(IndexFault** fault) override { return report_.place(fault); }
  Status in_form(const fusor_buffer& source, InputForm form, fusor_buffer* result);
  /** Waits, by `event`, if kernels were given a place to report at, and tells what they did. */
  Status check_indices(DeviceEvent event);

 private:
  Device& device_;
  std::vector<void*> held_;
  IndexReport report_;
};

/** The device is entered; `event` is this thread's (see Device::synchronize). */
Status run_eagerly(Device& device, PreparedWeights& weights, const OpEntry& entry, const fusor_op_call& call,
                   DeviceEvent event);

}  // namespace fusor::cuda
