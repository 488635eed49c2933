// Work that the engine does without the backend's ops: copies between tensors, and between tensors and the
// host.
#pragma once

#include <algorithm>
#include <memory>

#include "stream/callback.h"
#include "stream/compute_task.h"

namespace fusor {

// Bytes on the host, uninitialized.
class HostBytes {
 public:
  HostBytes() = default;
  // (GCC 12 warns of the size that a negative count would be.)
  explicit HostBytes(int64_t count)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(static_cast<size_t>(std::max<int64_t>(count, 0)))),
        count_(count) {}
  void* data() const { return bytes_.get(); }
  int64_t count() const { return count_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  int64_t count_ = 0;
};

// One input -> one output with the same elements in row-major order: reshape where strides cannot say it.
class CopyTask final : public ComputeTask {
 public:
  using ComputeTask::ComputeTask;

 protected:
  void compute(Stream& stream) override;
};

// Inputs: destination, source. Writes the source's elements through the destination's view. If it fails, the
// destination keeps what it had and the next synchronize tells.
class AssignTask final : public ComputeTask {
 public:
  explicit AssignTask(std::string label) : ComputeTask(std::move(label), "assign") {}

 protected:
  void compute(Stream& stream) override;
};

// Host bytes -> one output, on a device with memory of its own.
class UploadTask final : public ComputeTask {
 public:
  explicit UploadTask(HostBytes bytes)
      : ComputeTask("copy to device", "copy to device"), bytes_(std::move(bytes)) {}
  bool is_upload() const override { return true; }

 protected:
  void compute(Stream& stream) override;

 private:
  const HostBytes bytes_;
};

// What one device's stream hands to another's through the host.
class Transfer final : public Counted {
 public:
  void deliver(HostBytes bytes);
  void fail(Ref<Failure> failure);
  // Waits for the bytes; throws the failure if there is one.
  HostBytes receive(const Stream& waiting);

 private:
  bool done_ = false;
  HostBytes bytes_;
  Ref<Failure> failure_;
};

// On the stream of the tensor's device: its elements to a transfer.
class SendTask final : public Task {
 public:
  SendTask(const Stream& stream, Ref<Tensor> tensor, Ref<Transfer> transfer);
  void run(Stream& stream) override;
  void fail(Stream& stream, const Ref<Failure>& failure) override;

 private:
  Ref<Tensor> tensor_;
  Dependencies dependencies_;
  const Ref<Transfer> transfer_;
};

// On the other device's stream: a transfer's bytes -> one output.
class ReceiveTask final : public ComputeTask {
 public:
  explicit ReceiveTask(Ref<Transfer> transfer)
      : ComputeTask("copy to device", "copy to device"), transfer_(std::move(transfer)) {}

 protected:
  void await_inputs(Stream& stream) override { bytes_ = transfer_->receive(stream); }
  void compute(Stream& stream) override;

 private:
  const Ref<Transfer> transfer_;
  HostBytes bytes_;
};

// A tensor's elements, row-major, on the host; on the stream's thread.
HostBytes read_to_host(Stream& stream, const Tensor& tensor);

// The same to the caller's memory, as a task.
class ReadTask final : public Task {
 public:
  ReadTask(const Stream& stream, Ref<Tensor> tensor, void* destination, Callback callback);
  void run(Stream& stream) override;
  void fail(Stream& stream, const Ref<Failure>& failure) override;

 private:
  Ref<Tensor> tensor_;
  Dependencies dependencies_;
  void* const destination_;
  const Callback callback_;
};

// Shows the caller a tensor's elements, row-major, in device memory.
class VisitTask final : public Task {
 public:
  VisitTask(const Stream& stream, Ref<Tensor> tensor, fusor_visit_callback callback, void* user_data);
  void run(Stream& stream) override;
  void fail(Stream& stream, const Ref<Failure>& failure) override;

 private:
  Ref<Tensor> tensor_;
  Dependencies dependencies_;
  const fusor_visit_callback callback_;
  void* const user_data_;
};

}  // namespace fusor
