#include "engine/devices.h"

#include <array>
#include <atomic>
#include <memory>
#include <mutex>

#include "cpu/backend.h"
#include "stream/immortal.h"

namespace fusor {
namespace {

class Registry {
 public:
  static constexpr int32_t kMaxDevices = 64;

  Registry() { add(cpu::backend(), true); }

  int32_t count() const { return count_.load(std::memory_order_acquire); }
  Device& at(int32_t number) { return *devices_[static_cast<size_t>(number)]; }

  void load(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const fusor_backend* backend =
        load_backend(path);  // one library gives one struct, however often it is opened
    for (int32_t i = 0; i < pending_; ++i) {
      if (devices_[static_cast<size_t>(i)]->backend == backend) return;
    }
    add_locked(backend, false);
  }

  void add(const fusor_backend* backend, bool host) {
    const std::lock_guard lock(mutex_);
    add_locked(backend, host);
  }

 private:
  void add_locked(const fusor_backend* backend, bool host) {
    const char* reason = "";
    const int32_t devices = backend->device_count(&reason);
    if (devices == 0) {
      append(*backend, host, 0, backend->kind).reason = reason;
      publish();
      return;
    }
    for (int32_t index = 0; index < devices; ++index) {
      // The CPU is one device, and everybody calls it "cpu".
      const std::string id =
          host ? std::string(backend->kind) : std::string(backend->kind) + ":" + std::to_string(index);
      Device& device = append(*backend, host, index, id);
      device.properties.struct_size = sizeof device.properties;
      device.available = backend->device_properties(index, &device.properties) == FUSOR_OK;
      if (!device.available) device.reason = backend->last_error();
      publish();
    }
  }

  Device& append(const fusor_backend& backend, bool host, int32_t index, const std::string& id) {
    if (pending_ == kMaxDevices) fail(FUSOR_ERROR_DEVICE, "there are more than ", kMaxDevices, " devices");
    auto& device = devices_[static_cast<size_t>(pending_)];
    device = std::make_unique<Device>();
    device->backend = &backend;
    device->number = pending_++;
    device->index = index;
    device->id = id;
    device->host = host;
    return *device;
  }
  // Readers see an entry when it is complete.
  void publish() { count_.store(pending_, std::memory_order_release); }

  std::mutex mutex_;
  int32_t pending_ = 0;
  std::atomic<int32_t> count_{0};
  std::array<std::unique_ptr<Device>, kMaxDevices> devices_;
};

Registry& registry() {
  static Immortal<Registry> instance;
  return instance.get();
}

}  // namespace

int32_t device_count() {
  return registry().count();
}

Device& device_at(int32_t number) {
  const int32_t count = device_count();
  if (number < 0 || number >= count) {
    fail(FUSOR_ERROR_DEVICE, "there is no device ", number, "; devices are 0 to ", count - 1);
  }
  return registry().at(number);
}

Device& usable_device(int32_t number) {
  Device& device = device_at(number);
  if (!device.available) fail(FUSOR_ERROR_DEVICE, "device ", device.id, " cannot be used: ", device.reason);
  return device;
}

void add_backend(const fusor_backend* backend) {
  registry().add(backend, false);
}

void load_and_add_backend(const std::string& path) {
  registry().load(path);
}

}  // namespace fusor
