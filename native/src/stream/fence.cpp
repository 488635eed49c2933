#include "stream/fence.h"

#include "stream/immortal.h"

namespace fusor {
namespace {

struct Shared {
  std::mutex mutex;
  platform::Condition condition;
};

Shared& shared() {
  static Immortal<Shared> instance;
  return instance.get();
}

class FenceTask final : public Task {
 public:
  explicit FenceTask(Ref<Fence> fence) : fence_(std::move(fence)) {}
  void run(Stream& stream) override {
    stream.synchronize();
    fence_->signal();
  }
  // Whoever waits looks at the storages next, and they tell what went wrong.
  void fail(Stream&, const Ref<Failure>&) override { fence_->signal(); }

 private:
  const Ref<Fence> fence_;
};

}  // namespace

Ref<Fence> Fence::after(Stream& stream) {
  auto fence = make_ref<Fence>();
  try {
    stream.push(std::make_unique<FenceTask>(fence));
  } catch (const Error&) {
    fence->signal();  // the stream has ended, and with it all that it was given
  }
  return fence;
}

void Fence::signal() {
  change([this] { signalled_ = true; });
}

void Fence::wait(const Stream& waiting) {
  wait_until(waiting, [this] { return signalled_; });
}

std::mutex& Fence::mutex() {
  return shared().mutex;
}

void Fence::sleep(std::unique_lock<std::mutex>& lock) {
  shared().condition.wait(lock);
}

void Fence::wake_sleepers() {
  shared().condition.wake_all();
}

void Dependencies::add(const Stream& stream, const Storage& storage) {
  const Ref<Counted> home = storage.home();
  if (!home || home.get() == &stream) return;
  fences_.push_back(Fence::after(static_cast<Stream&>(*home.get())));
}

}  // namespace fusor
