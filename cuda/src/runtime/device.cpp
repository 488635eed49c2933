#include "runtime/device.h"

#include <cstdlib>
#include <string_view>
#include <vector>

namespace fusor::cuda {
namespace {

#if defined(FUSOR_CUDA_EMULATED)
constexpr const char* kKind = "cuda-emulated";
#else
constexpr const char* kKind = "cuda";
#endif

// cp.async, bf16 products and their kernels begin with Ampere.
constexpr int kLeastCapability = 80;

// Tests of the emulator run with memory as exact as can be, unless they are about the cache, and captured
// plans, which need addresses that come again.
Allocator::Mode allocator_mode() {
#if defined(FUSOR_CUDA_EMULATED)
  const char* cached = std::getenv("FUSOR_CUDA_EMULATED_CACHE");
  if (cached == nullptr || std::string_view(cached) != "1") return Allocator::Mode::kExact;
#endif
  return Allocator::Mode::kCached;
}

std::string architecture(const DeviceProperties& properties) {
  std::string name = "sm_" + std::to_string(properties.capability());
  // The kernels for Hopper use instructions that only this architecture has.
  if (properties.capability() == 90) name += "a";
  return name;
}

struct Devices {
  int count = 0;
  std::string reason;
  std::vector<std::unique_ptr<Device>> list;

  Devices() {
    if (const Status status = device::count(&count); !status.ok()) {
      count = 0;
      reason = status.message();
      return;
    }
    if (count == 0) reason = "the NVIDIA driver reports no devices; is CUDA_VISIBLE_DEVICES empty?";
    for (int i = 0; i < count; ++i) list.push_back(std::make_unique<Device>(i));
  }
};

// Never destroyed: threads of the engine may still release memory while the process ends.
Devices& devices() {
  static Devices* const instance = new Devices;
  return *instance;
}

}  // namespace

int device_count(std::string* reason) {
  *reason = devices().reason;
  return devices().count;
}

Status find_device(int index, Device** device) {
  if (index < 0 || index >= devices().count) {
    return {FUSOR_ERROR_DEVICE, std::string("there is no device ") + kKind + ":" + std::to_string(index)};
  }
  *device = devices().list[static_cast<size_t>(index)].get();
  return {};
}

Device::Device(int index) : index_(index), name_(std::string(kKind) + ":" + std::to_string(index)) {
  allocator_ = std::make_unique<Allocator>(name_, allocator_mode());
  if (Status status = device::properties(index, &properties_); !status.ok()) {
    unusable_ = {FUSOR_ERROR_DEVICE, status.message()};
    return;
  }
  instruction_set_ = architecture(properties_);
  if (properties_.capability() < kLeastCapability) {
    unusable_ = {
        FUSOR_ERROR_DEVICE,
        std::string(properties_.name) + " (" + instruction_set_ +
            ") is too old: Fusor needs compute capability 8.0 (Ampere, 2020) or newer; use device 'cpu'"};
  }
}

Status Device::usable() const {
  if (!unusable_.ok()) return unusable_;
  if (!lost_.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock(mutex_);
  return {FUSOR_ERROR_DEVICE_LOST, lost_reason_};
}

Status Device::enter() {
  FUSOR_RETURN_IF_ERROR(usable());
  FUSOR_RETURN_IF_ERROR(check(device::use(index_)));
  std::call_once(started_, [this] { start_status_ = check(start()); });
  return start_status_;
}

Status Device::start() {
  compute_.device = index_;
  compute_.properties = &properties_;
  FUSOR_RETURN_IF_ERROR(device::stream_create(&compute_.handle));
  markers_ = std::make_unique<Markers>(compute_.handle);
  uploads_ = std::make_unique<UploadRing>();
  downloads_ = std::make_unique<DownloadRing>();
  return {};
}

Status Device::check(Status status) {
  if (status.code() != FUSOR_ERROR_DEVICE_LOST) return status;
  const std::lock_guard lock(mutex_);
  if (!lost_.load(std::memory_order_relaxed)) {
    lost_reason_ = name_ + " is lost: " + status.message();
    if (!last_issued_.empty()) lost_reason_ += "; the last work given to it was " + last_issued_;
    // What this thread launched and has not told of yet comes after all that was issued.
    Launched launched = take_last_launch();
    if (launched.kernel == nullptr) launched = last_launch_;
    if (launched.kernel != nullptr) lost_reason_ += "; the last kernel launched was " + describe(launched);
    lost_reason_ += "; start a new process to use it again";
    lost_.store(true, std::memory_order_release);
  }
  return {FUSOR_ERROR_DEVICE_LOST, lost_reason_};
}

void Device::issued(const char* what) {
  markers_->count();
  const std::lock_guard lock(mutex_);
  last_issued_ = what;
  last_launch_ = take_last_launch();
}

Status Device::copy_to_device(void* to, const void* host, int64_t bytes) {
  const uint64_t ticket = allocator_->free_since(to, markers_->issued());
  FUSOR_RETURN_IF_ERROR(check(uploads_->copy(to, host, bytes, compute_.handle, *markers_, ticket)));
  issued("a copy to the device");
  return {};
}

Status Device::copy_to_host(void* host, const void* from, int64_t bytes) {
  return check(downloads_->copy(host, from, bytes, *markers_));
}

Status Device::synchronize(DeviceEvent event) {
  FUSOR_RETURN_IF_ERROR(check(device::event_record(event, compute_.handle)));
  return check(wait_for(event));
}

}  // namespace fusor::cuda
