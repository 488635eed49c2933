#include "tensor/storage.h"

#include "tensor/dtype.h"

namespace fusor {
namespace {

uint64_t next_identity() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

Storage::Storage(Device& device, int32_t dtype, const Shape& shape)
    : device_(device),
      dtype_(dtype),
      shape_(shape),
      bytes_(shape.elements() * dtype_size(dtype)),
      identity_(next_identity()) {
  device_.tensors.fetch_add(1, std::memory_order_relaxed);
}

Storage::~Storage() {
  device_.tensors.fetch_sub(1, std::memory_order_relaxed);
  device_.backend->forget(identity_);
}

void Storage::fill(Ref<Memory> memory) {
  const std::lock_guard lock(mutex_);
  memory_ = std::move(memory);
  state_.store(State::kReady, std::memory_order_release);
}

void Storage::fail(const Ref<Failure>& failure) {
  const std::lock_guard lock(mutex_);
  if (state_.load(std::memory_order_relaxed) != State::kPending) return;
  failure_ = failure;
  state_.store(State::kFailed, std::memory_order_release);
}

Ref<Memory> Storage::memory() const {
  const std::lock_guard lock(mutex_);
  return memory_;
}

Ref<Failure> Storage::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Storage::replace(Ref<Memory> memory) {
  const std::lock_guard lock(mutex_);
  std::swap(memory_, memory);  // the old one goes after the lock
}

Ref<Counted> Storage::home() const {
  const std::lock_guard lock(mutex_);
  return home_;
}

void Storage::set_home(Ref<Counted> home) {
  const std::lock_guard lock(mutex_);
  std::swap(home_, home);
}

}  // namespace fusor
