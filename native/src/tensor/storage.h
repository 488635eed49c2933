// The elements behind tensors: empty when its op is queued, filled (or failed) when the op has run.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "tensor/device.h"
#include "tensor/failure.h"
#include "tensor/memory.h"
#include "tensor/ref.h"
#include "tensor/shape.h"

namespace fusor {

class Storage final : public Counted {
 public:
  enum class State { kPending, kReady, kFailed };

  // Pending, until fill() or fail(). `home` stands for the stream whose work fills it (see set_home).
  Storage(Device& device, int32_t dtype, const Shape& shape);
  ~Storage() override;

  Device& device() const { return device_; }
  int32_t dtype() const { return dtype_; }
  // Of the tensor that it was made for; views have others.
  const Shape& shape() const { return shape_; }
  int64_t bytes() const { return bytes_; }  // elements * size of one, however a backend lays them out
  uint64_t identity() const { return identity_; }

  State state() const { return state_.load(std::memory_order_acquire); }
  void fill(Ref<Memory> memory);
  // Nothing happens if it is not pending: the first word counts.
  void fail(const Ref<Failure>& failure);

  // What the elements lie in now. Null unless ready. Hold the result while using it.
  Ref<Memory> memory() const;
  Ref<Failure> failure() const;
  // Same elements in other memory, e.g. row-major instead of blocked.
  void replace(Ref<Memory> memory);

  // Goes up with every change of the bytes.
  uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  void bump_version() { version_.fetch_add(1, std::memory_order_relaxed); }

  // The queue that was last given work that writes this storage; others wait for it before they use the
  // bytes.
  Ref<Counted> home() const;
  void set_home(Ref<Counted> home);

  // Tensors that look at this storage.
  void add_tensor() { tensors_.fetch_add(1, std::memory_order_relaxed); }
  void remove_tensor() { tensors_.fetch_sub(1, std::memory_order_relaxed); }
  int64_t tensors() const { return tensors_.load(std::memory_order_relaxed); }

 private:
  Device& device_;
  const int32_t dtype_;
  const Shape shape_;
  const int64_t bytes_;
  const uint64_t identity_;
  std::atomic<State> state_{State::kPending};
  std::atomic<uint64_t> version_{1};
  std::atomic<int64_t> tensors_{0};
  mutable std::mutex mutex_;  // guards what follows
  Ref<Memory> memory_;
  Ref<Failure> failure_;
  Ref<Counted> home_;
};

}  // namespace fusor
