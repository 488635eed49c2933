#include "stream/operand.h"

#include <algorithm>

#include "tensor/dtype.h"

namespace fusor {
namespace {

void point(Operand& operand, const Storage& storage, Ref<Memory> memory, const Tensor& tensor) {
  operand.buffer.data = memory->data();
  operand.buffer.byte_size = memory->bytes();
  // Prepared forms are of the whole storage: views would find one another's.
  if (tensor.is_whole()) {
    operand.buffer.identity = storage.identity();
    operand.buffer.version = storage.version();
  }
  operand.memory = std::move(memory);
}

// The storage's elements as its backend laid them.
fusor_buffer foreign_buffer(const Storage& storage, const Memory& memory) {
  fusor_buffer buffer = describe(storage.dtype(), View::contiguous(storage.shape()));
  const PhysicalLayout& layout = memory.layout();
  buffer.layout = layout.layout;
  std::copy_n(layout.strides, FUSOR_MAX_RANK, buffer.strides);
  buffer.block = layout.block;
  std::copy_n(layout.halo, 4, buffer.halo);
  buffer.byte_offset = layout.byte_offset;
  buffer.data = memory.data();
  buffer.byte_size = memory.bytes();
  return buffer;
}

// On the storage's own device. Where that is another than the stream's it is the host, whose backend needs no
// stream.
void convert(Stream& stream, const Device& device, const fusor_buffer& source, const fusor_buffer& target) {
  const bool here = &device == &stream.device();
  check(device, device.backend->convert_layout(here ? stream.backend_stream() : nullptr, &source, &target));
}

Ref<Memory> row_major(Stream& stream, Storage& storage) {
  Ref<Memory> memory = storage.memory();
  if (memory->layout().canonical) return memory;
  Ref<Memory> converted = allocate_row_major(storage);
  const fusor_buffer source = foreign_buffer(storage, *memory);
  const fusor_buffer destination =
      contiguous_buffer(storage.dtype(), storage.shape(), converted->data(), converted->bytes());
  convert(stream, storage.device(), source, destination);
  storage.replace(converted);
  return converted;
}

}  // namespace

fusor_buffer describe(int32_t dtype, const View& view) {
  fusor_buffer buffer{};
  buffer.struct_size = sizeof buffer;
  buffer.dtype = dtype;
  buffer.rank = view.shape.rank();
  buffer.layout = FUSOR_LAYOUT_STRIDED;
  // Past the rank, sizes are 1: then dimension 0 of a scalar is one of size 1, as ops along a dimension take
  // it.
  std::fill_n(buffer.sizes, FUSOR_MAX_RANK, 1);
  for (int32_t i = 0; i < buffer.rank; ++i) {
    buffer.sizes[i] = view.shape[i];
    buffer.strides[i] = view.strides[i];
  }
  buffer.byte_offset = view.offset * dtype_size(dtype);
  return buffer;
}

Operand operand(Stream& stream, const Tensor& tensor) {
  const Storage& storage = tensor.storage();
  Ref<Memory> memory = storage.memory();
  if (memory->layout().canonical || !tensor.is_whole()) return strided_operand(stream, tensor);
  Operand result;
  result.buffer = foreign_buffer(storage, *memory);
  point(result, storage, std::move(memory), tensor);
  return result;
}

Operand strided_operand(Stream& stream, const Tensor& tensor) {
  Operand result;
  result.buffer = describe(tensor.dtype(), tensor.view());
  point(result, tensor.storage(), row_major(stream, tensor.storage()), tensor);
  return result;
}

fusor_buffer contiguous_buffer(int32_t dtype, const Shape& shape, void* data, int64_t bytes) {
  fusor_buffer buffer = describe(dtype, View::contiguous(shape));
  buffer.data = data;
  buffer.byte_size = bytes;
  return buffer;
}

void require_ready(const Storage& storage) {
  switch (storage.state()) {
    case Storage::State::kReady:
      return;
    case Storage::State::kFailed:
      throw Error(storage.failure());
    case Storage::State::kPending:
      fail(FUSOR_ERROR_INTERNAL, "a tensor was used before the work that makes it was queued");
  }
}

PhysicalLayout physical_layout(const fusor_buffer& prepared, const Shape& shape) {
  PhysicalLayout result;
  result.layout = prepared.layout;
  std::copy_n(prepared.strides, FUSOR_MAX_RANK, result.strides);
  result.block = prepared.block;
  std::copy_n(prepared.halo, 4, result.halo);
  result.byte_offset = prepared.byte_offset;
  View view{shape, {}, 0};
  std::copy_n(prepared.strides, FUSOR_MAX_RANK, view.strides.begin());
  result.canonical =
      prepared.layout == FUSOR_LAYOUT_STRIDED && prepared.byte_offset == 0 && view.is_contiguous();
  return result;
}

Ref<Memory> allocate_row_major(const Storage& storage) {
  return make_ref<Memory>(storage.device(), storage.bytes(), PhysicalLayout{});
}

void copy_row_major(Stream& stream, const Tensor& tensor, void* destination) {
  const Operand source = operand(stream, tensor);
  const int64_t bytes = tensor.shape().elements() * dtype_size(tensor.dtype());
  const fusor_buffer target = contiguous_buffer(tensor.dtype(), tensor.shape(), destination, bytes);
  convert(stream, tensor.device(), source.buffer, target);
}

}  // namespace fusor
