// A piece of device memory that holds a storage's elements, and how they lie in it.
#pragma once

#include <cstdint>

#include "fusor/types.h"
#include "tensor/device.h"
#include "tensor/ref.h"
#include "tensor/shape.h"

namespace fusor {

// How a backend said it would write an output.
struct PhysicalLayout {
  int32_t layout = FUSOR_LAYOUT_STRIDED;
  int64_t strides[FUSOR_MAX_RANK] = {};
  int32_t block = 0;
  int32_t halo[4] = {};
  int64_t byte_offset = 0;
  // Row-major from the first byte: what views' strides and offsets are counted in. Anything else only the
  // backend reads, in the storage's own shape.
  bool canonical = true;
};

// Never changes its layout or size, so whoever holds a reference may read it while the storage moves on to
// other memory.
class Memory final : public Counted {
 public:
  // Allocates; throws FUSOR_ERROR_OUT_OF_MEMORY.
  Memory(Device& device, int64_t bytes, const PhysicalLayout& layout);
  // The caller's memory, given back through `release` (may be null).
  Memory(Device& device, void* data, int64_t bytes, void (*release)(void*), void* user_data);
  ~Memory() override;

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  const PhysicalLayout& layout() const { return layout_; }

 private:
  Device& device_;
  void* data_ = nullptr;
  const int64_t bytes_;
  const PhysicalLayout layout_;
  const bool borrowed_;
  void (*release_)(void*) = nullptr;
  void* user_data_ = nullptr;
};

}  // namespace fusor
