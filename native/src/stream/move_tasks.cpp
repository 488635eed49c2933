#include "stream/move_tasks.h"

#include <cstdint>

#include "stream/operand.h"
#include "tensor/dtype.h"

namespace fusor {
namespace {

// The tensor's elements, row-major, at `destination` on the host when this returns.
void read_to_host(Stream& stream, const Tensor& tensor, void* destination) {
  const int64_t bytes = tensor.shape().elements() * dtype_size(tensor.dtype());
  if (bytes == 0) return;
  const fusor_backend& backend = *stream.device().backend;
  const Ref<Memory> memory = tensor.storage().memory();
  if (memory->layout().canonical && tensor.view().is_contiguous()) {
    const int64_t offset = tensor.view().offset * dtype_size(tensor.dtype());
    stream.check(backend.copy_to_host(stream.backend_stream(), destination,
                                      static_cast<const char*>(memory->data()) + offset, bytes));
  } else if (stream.device().host &&
             reinterpret_cast<uintptr_t>(destination) % static_cast<uintptr_t>(dtype_size(tensor.dtype())) ==
                 0) {
    copy_row_major(stream, tensor, destination);
  } else {
    const Memory gathered(stream.device(), bytes, PhysicalLayout{});
    copy_row_major(stream, tensor, gathered.data());
    stream.check(backend.copy_to_host(stream.backend_stream(), destination, gathered.data(), bytes));
    stream.synchronize();
    return;
  }
  stream.synchronize();
}

// Fills a new storage from host bytes that may go when this returns.
void upload(Stream& stream, Storage& storage, const HostBytes& bytes) {
  const fusor_backend& backend = *stream.device().backend;
  Ref<Memory> memory = allocate_row_major(storage);
  stream.check(backend.copy_to_device(stream.backend_stream(), memory->data(), bytes.data(), bytes.count()));
  storage.fill(std::move(memory));
}

}  // namespace

HostBytes read_to_host(Stream& stream, const Tensor& tensor) {
  HostBytes bytes(tensor.shape().elements() * dtype_size(tensor.dtype()));
  read_to_host(stream, tensor, bytes.data());
  return bytes;
}

void CopyTask::compute(Stream& stream) {
  Storage& output = *outputs()[0];
  Ref<Memory> memory = allocate_row_major(output);
  copy_row_major(stream, *inputs()[0], memory->data());
  output.fill(std::move(memory));
}

void AssignTask::compute(Stream& stream) {
  const Tensor& destination = *inputs()[0];
  const Tensor& source = *inputs()[1];
  if (destination.shape().elements() == 0) return;
  const fusor_backend& backend = *stream.device().backend;

  Operand from = operand(stream, source);
  if (&destination.storage() == &source.storage()) {
    // The two may overlap: read everything before anything is written.
    const int64_t bytes = source.shape().elements() * dtype_size(source.dtype());
    from.memory = make_ref<Memory>(stream.device(), bytes, PhysicalLayout{});
    copy_row_major(stream, source, from.memory->data());
    from.buffer = contiguous_buffer(source.dtype(), source.shape(), from.memory->data(), bytes);
  }
  const Operand to = strided_operand(stream, destination);
  // Raised before the write: prepared forms of the old bytes are wrong from the first new byte on.
  destination.storage().bump_version();
  stream.check(backend.convert_layout(stream.backend_stream(), &from.buffer, &to.buffer));
}

void UploadTask::compute(Stream& stream) {
  upload(stream, *outputs()[0], bytes_);
}

void Transfer::deliver(HostBytes bytes) {
  Fence::change([&] {
    bytes_ = std::move(bytes);
    done_ = true;
  });
}

void Transfer::fail(Ref<Failure> failure) {
  Fence::change([&] {
    failure_ = std::move(failure);
    done_ = true;
  });
}

HostBytes Transfer::receive(const Stream& waiting) {
  HostBytes bytes;
  Ref<Failure> failure;
  Fence::wait_until(waiting, [&] {
    if (!done_) return false;
    bytes = std::move(bytes_);
    failure = failure_;
    return true;
  });
  if (failure) throw Error(failure);
  return bytes;
}

SendTask::SendTask(const Stream& stream, Ref<Tensor> tensor, Ref<Transfer> transfer)
    : tensor_(std::move(tensor)), transfer_(std::move(transfer)) {
  dependencies_.add(stream, tensor_->storage());
}

void SendTask::run(Stream& stream) {
  dependencies_.wait(stream);
  require_ready(tensor_->storage());
  transfer_->deliver(read_to_host(stream, *tensor_));
}

void SendTask::fail(Stream&, const Ref<Failure>& failure) {
  transfer_->fail(failure);
}

void ReceiveTask::compute(Stream& stream) {
  upload(stream, *outputs()[0], bytes_);
}

ReadTask::ReadTask(const Stream& stream, Ref<Tensor> tensor, void* destination, Callback callback)
    : tensor_(std::move(tensor)), destination_(destination), callback_(callback) {
  dependencies_.add(stream, tensor_->storage());
}

void ReadTask::run(Stream& stream) {
  dependencies_.wait(stream);
  require_ready(tensor_->storage());
  read_to_host(stream, *tensor_, destination_);
  tensor_ = nullptr;
  callback_.succeed();
}

void ReadTask::fail(Stream&, const Ref<Failure>& failure) {
  tensor_ = nullptr;
  callback_.fail(failure);
}

VisitTask::VisitTask(const Stream& stream, Ref<Tensor> tensor, fusor_visit_callback callback, void* user_data)
    : tensor_(std::move(tensor)), callback_(callback), user_data_(user_data) {
  dependencies_.add(stream, tensor_->storage());
}

void VisitTask::run(Stream& stream) {
  dependencies_.wait(stream);
  require_ready(tensor_->storage());
  const int64_t bytes = tensor_->shape().elements() * dtype_size(tensor_->dtype());
  Ref<Memory> memory;
  const char* data = nullptr;
  if (tensor_->view().is_contiguous()) {
    const Operand lying = strided_operand(stream, *tensor_);
    memory = lying.memory;
    data = static_cast<const char*>(lying.buffer.data) + lying.buffer.byte_offset;
  } else {
    memory = make_ref<Memory>(stream.device(), bytes, PhysicalLayout{});
    copy_row_major(stream, *tensor_, memory->data());
    data = static_cast<const char*>(memory->data());
  }
  stream.synchronize();
  tensor_ = nullptr;
  callback_(user_data_, FUSOR_OK, "", data, bytes);
}

void VisitTask::fail(Stream&, const Ref<Failure>& failure) {
  tensor_ = nullptr;
  callback_(user_data_, failure->status(), failure->message().c_str(), nullptr, 0);
}

}  // namespace fusor
