#include "tensor/memory.h"

namespace fusor {

Memory::Memory(Device& device, int64_t bytes, const PhysicalLayout& layout)
    : device_(device), bytes_(bytes), layout_(layout), borrowed_(false) {
  const fusor_status status = device.backend->allocate(device.index, bytes, &data_);
  if (status == FUSOR_ERROR_OUT_OF_MEMORY) {
    fail(status, "out of memory on ", device.id, ": ", bytes, " bytes could not be allocated");
  }
  check(device, status);
  device_.tensor_bytes.fetch_add(bytes_, std::memory_order_relaxed);
}

Memory::Memory(Device& device, void* data, int64_t bytes, void (*release)(void*), void* user_data)
    : device_(device), data_(data), bytes_(bytes), borrowed_(true), release_(release), user_data_(user_data) {
  device_.tensor_bytes.fetch_add(bytes_, std::memory_order_relaxed);
}

Memory::~Memory() {
  device_.tensor_bytes.fetch_sub(bytes_, std::memory_order_relaxed);
  if (!borrowed_) {
    device_.backend->release(device_.index, data_, bytes_);
  } else if (release_ != nullptr) {
    release_(user_data_);
  }
}

}  // namespace fusor
