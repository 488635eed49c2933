// An op's attributes kept by value until the op runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>

#include "op/infer.h"

namespace fusor {

class AttributesCopy {
 public:
  AttributesCopy() = default;
  // `attributes` were checked (see infer).
  AttributesCopy(int32_t op, const void* attributes) {
    const auto size = static_cast<uint32_t>(op_definition(op)->schema.struct_size);
    if (size == 0) return;
    std::memcpy(bytes_.data(), attributes, size);
    std::memcpy(bytes_.data(), &size, sizeof size);  // callers of later versions may have said more
    present_ = true;
  }

  const void* get() const { return present_ ? bytes_.data() : nullptr; }

 private:
  alignas(8) std::array<std::byte, 216> bytes_;
  bool present_ = false;
};

static_assert(sizeof(fusor_slice_attributes) <= 216 && sizeof(fusor_pad_attributes) <= 216 &&
                  sizeof(fusor_random_attributes) <= 216 && sizeof(fusor_fill_attributes) <= 216,
              "AttributesCopy holds the largest attribute structs");

}  // namespace fusor
