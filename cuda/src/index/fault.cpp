#include "index/fault.h"

#include <map>
#include <mutex>
#include <new>
#include <string>

#include "arch/device_api.h"

namespace fusor::cuda {
namespace {

struct Reports {
  std::mutex mutex;
  std::map<int, IndexFault*> by_device;
};

// Never destroyed: kernels may still write while the process ends.
Reports& reports() {
  static Reports* const instance = new Reports;
  return *instance;
}

}  // namespace

Status index_fault(const Stream& stream, IndexFault** fault) {
  Reports& all = reports();
  const std::lock_guard lock(all.mutex);
  IndexFault*& mine = all.by_device[stream.device];
  if (mine == nullptr) {
    void* memory = nullptr;
    FUSOR_RETURN_IF_ERROR(device::allocate_pinned(&memory, sizeof(IndexFault)));
    mine = new (memory) IndexFault{};
  }
  *fault = mine;
  return {};
}

Status take_index_fault(int device) {
  Reports& all = reports();
  const std::lock_guard lock(all.mutex);
  const auto found = all.by_device.find(device);
  if (found == all.by_device.end() || found->second->happened == 0) return {};
  const IndexFault fault = *found->second;
  *found->second = {};
  return {FUSOR_ERROR_ARGUMENT, "index " + std::to_string(fault.index) +
                                    " is out of range for a dimension of size " + std::to_string(fault.size)};
}

}  // namespace fusor::cuda
