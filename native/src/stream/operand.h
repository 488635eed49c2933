// Tensors as a backend sees them: descriptors with memory. On the stream's thread only.
#pragma once

#include <cstdint>

#include "stream/stream.h"
#include "tensor/memory.h"
#include "tensor/tensor.h"

namespace fusor {

// A descriptor and a hold on the memory that it points to.
struct Operand {
  fusor_buffer buffer{};
  Ref<Memory> memory;
};

// Geometry only: dtype, sizes and strides of a view; data is null.
fusor_buffer describe(int32_t dtype, const View& view);

// The tensor as it lies. Layouts that only the backend understands go through when the tensor is its whole
// storage; for any other view the storage is first brought into row-major order, for good. The storage is
// ready.
Operand operand(Stream& stream, const Tensor& tensor);
// The tensor by its strides, whatever the backend made of the storage.
Operand strided_operand(Stream& stream, const Tensor& tensor);
// Row-major elements at `data`.
fusor_buffer contiguous_buffer(int32_t dtype, const Shape& shape, void* data, int64_t bytes);

// Throws if the storage failed, with what it failed of.
void require_ready(const Storage& storage);

// What a backend's prepare_op said about an output.
PhysicalLayout physical_layout(const fusor_buffer& prepared, const Shape& shape);

// New row-major memory for all elements of `storage`.
Ref<Memory> allocate_row_major(const Storage& storage);
// Copies `tensor` into row-major elements at `destination`, which is device memory aligned for the dtype.
void copy_row_major(Stream& stream, const Tensor& tensor, void* destination);

}  // namespace fusor
