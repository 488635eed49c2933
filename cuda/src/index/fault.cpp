#include "index/fault.h"

#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "arch/device_api.h"
#include "fusor/op_names.h"

namespace fusor::cuda {
namespace {

// Page-locking memory takes longer than most ops: places are kept for the next one.
struct Places {
  std::mutex mutex;
  std::vector<IndexFault*> free;
};

// Never destroyed: threads of the engine may still run while the process ends.
Places& places() {
  static Places* const instance = new Places;
  return *instance;
}

}  // namespace

IndexReport::~IndexReport() {
  // Nobody has waited for the kernels of an open one: the place stays theirs.
  if (fault_ == nullptr || open_) return;
  const std::lock_guard lock(places().mutex);
  places().free.push_back(fault_);
}

Status IndexReport::place(IndexFault** fault) {
  if (fault_ == nullptr) {
    Places& all = places();
    const std::lock_guard lock(all.mutex);
    if (all.free.empty()) {
      void* memory = nullptr;
      FUSOR_RETURN_IF_ERROR(device::allocate_pinned(&memory, sizeof(IndexFault)));
      fault_ = new (memory) IndexFault{};
    } else {
      fault_ = all.free.back();
      all.free.pop_back();
    }
  }
  open_ = true;
  *fault = fault_;
  return {};
}

Status IndexReport::take() {
  open_ = false;
  if (fault_ == nullptr || fault_->happened == 0) return {};
  const IndexFault fault = *fault_;
  *fault_ = {};
  return {FUSOR_ERROR_ARGUMENT, std::string(fusor_op_names[fault.op]) + ": index " +
                                    std::to_string(fault.index) + " is out of range for dimension " +
                                    std::to_string(fault.dim) + " of size " + std::to_string(fault.size)};
}

}  // namespace fusor::cuda
