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
    for (int32_t i = 0; i < count(); ++i) {
      if (devices_[static_cast<size_t>(i)]->backend == backend) return;
    }
    add_locked(backend, false);
  }

  void add(const fusor_backend* backend, bool host) {
    const std::lock_guard lock(mutex_);
    add_locked(backend, host);
  }

  // Sets `available` if memory was all that was missing and is there now. Returns the reason if not.
  std::string ask_again(Device& device) {
    const std::lock_guard lock(mutex_);
    if (!device.available && device.found == FUSOR_ERROR_OUT_OF_MEMORY) ask(device);
    return device.available ? std::string() : device.reason;
  }

 private:
  // All devices of a backend, or none where an exception stops this.
  void add_locked(const fusor_backend* backend, bool host) {
    const char* reason = "";
    const int32_t devices = backend->device_count(&reason);
    const int32_t first = count_.load(std::memory_order_relaxed);
    const int32_t entries = devices == 0 ? 1 : devices;
    if (entries > kMaxDevices - first) {
      fail(FUSOR_ERROR_DEVICE, "there are more than ", kMaxDevices, " devices");
    }
    for (int32_t index = 0; index < entries; ++index) {
      auto device = std::make_unique<Device>();
      device->backend = backend;
      device->number = first + index;
      device->index = index;
      device->host = host;
      // The CPU is one device, and everybody calls it "cpu".
      device->id = backend->kind;
      if (devices == 0) {
        device->reason = reason;
      } else {
        if (!host) device->id += ":" + std::to_string(index);
        ask(*device);
      }
      devices_[static_cast<size_t>(device->number)] = std::move(device);
    }
    // Readers see entries when they are complete.
    count_.store(first + entries, std::memory_order_release);
  }

  static void ask(Device& device) {
    device.properties.struct_size = sizeof device.properties;
    device.found = device.backend->device_properties(device.index, &device.properties);
    if (device.found != FUSOR_OK) {
      device.reason = device.backend->last_error();
      return;
    }
    device.available.store(true, std::memory_order_release);
  }

  std::mutex mutex_;
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
  if (device.available.load(std::memory_order_acquire)) return device;
  const std::string reason = why_unusable(device);
  if (reason.empty()) return device;
  fail(device.found == FUSOR_ERROR_OUT_OF_MEMORY ? FUSOR_ERROR_OUT_OF_MEMORY : FUSOR_ERROR_DEVICE, "device ",
       device.id, " cannot be used: ", reason);
}

std::string why_unusable(Device& device) {
  return device.available.load(std::memory_order_acquire) ? std::string() : registry().ask_again(device);
}

void add_backend(const fusor_backend* backend) {
  registry().add(backend, false);
}

void load_and_add_backend(const std::string& path) {
  registry().load(path);
}

}  // namespace fusor
