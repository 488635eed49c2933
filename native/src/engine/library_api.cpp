// C API: the library itself, devices, environments and measuring.
#include <cstdio>
#include <cstring>
#include <string>

#include "engine/api.h"
#include "engine/devices.h"
#include "engine/environment.h"
#include "stream/callback.h"

namespace fusor::api {
namespace {

// Of the calling thread: static, or in its buffer. A copy, and no reference to the failure, since that would
// need a destructor at the thread's end: MinGW runs those on memory that it has freed (docs/decisions/0029).
// test/cpp/thread_destructors.sh sees to it that the engine has none.
thread_local char buffer[4096];
thread_local const char* last_text = "";

}  // namespace

fusor_status failed(Ref<Failure> failure) noexcept {
  constexpr char kCut[] = "...";
  const std::string& message = failure->message();
  const size_t copied = message.copy(buffer, sizeof buffer - 1);
  buffer[copied] = '\0';
  if (copied < message.size()) std::memcpy(buffer + sizeof buffer - sizeof kCut, kCut, sizeof kCut);
  last_text = buffer;
  return failure->status();
}

fusor_status failed(fusor_status status, const char* static_text) noexcept {
  last_text = static_text;
  return status;
}

}  // namespace fusor::api

namespace fusor {
namespace {

class SynchronizeTask final : public Task {
 public:
  explicit SynchronizeTask(Callback callback) : callback_(callback) {}

  void run(Stream& stream) override {
    stream.synchronize();
    const Ref<Failure> failure = stream.take_report();
    if (failure) throw Error(failure);
    callback_.succeed();
  }
  void fail(Stream&, const Ref<Failure>& failure) override { callback_.fail(failure); }

 private:
  const Callback callback_;
};

class MeasurePeakTask final : public Task {
 public:
  MeasurePeakTask(int32_t threads, double* gflops, Callback callback)
      : threads_(threads), gflops_(gflops), callback_(callback) {}

  void run(Stream& stream) override {
    stream.check(stream.device().backend->measure_peak(stream.backend_stream(), threads_, gflops_));
    callback_.succeed();
  }
  void fail(Stream&, const Ref<Failure>& failure) override { callback_.fail(failure); }

 private:
  const int32_t threads_;
  double* const gflops_;
  const Callback callback_;
};

template <size_t size>
void copy_text(char (&to)[size], const char* from) {
  std::snprintf(to, size, "%s", from);
}

// Threads are the CPU's affair.
const fusor_backend& cpu_backend() {
  return *device_at(0).backend;
}

}  // namespace
}  // namespace fusor

using namespace fusor;

const char* fusor_version(void) {
  return FUSOR_VERSION;
}

const char* fusor_last_error(void) {
  return api::last_text;
}

int32_t fusor_device_count(void) {
  int32_t count = 0;
  api::guarded([&] { count = device_count(); });
  return count;
}

fusor_status fusor_device_get(int32_t number, fusor_device_info* info) {
  return api::guarded([&] {
    Device& device = device_at(number);
    fusor_device_info result{};
    copy_text(result.id, device.id.c_str());
    copy_text(result.kind, device.backend->kind);
    const std::string reason = why_unusable(device);
    copy_text(result.reason, reason.c_str());
    if (!reason.empty()) {
      write_struct(info, result, "info");
      return;
    }
    copy_text(result.name, device.properties.name);
    copy_text(result.instruction_set, device.properties.instruction_set);
    result.available = 1;
    // A device may have been lost since it was found.
    if (!device.host) {
      fusor_device_properties now{};
      now.struct_size = sizeof now;
      if (device.backend->device_properties(device.index, &now) != FUSOR_OK) {
        copy_text(result.reason, device.backend->last_error());
        result.available = 0;
      }
    }
    result.compute_units = device.properties.compute_units;
    result.memory_bytes = device.properties.memory_bytes;
    write_struct(info, result, "info");
  });
}

fusor_status fusor_memory_get(int32_t number, fusor_memory_info* info) {
  return api::guarded([&] {
    const Device& device = device_at(number);
    fusor_memory_info result{};
    result.tensors = device.tensors.load(std::memory_order_relaxed);
    result.bytes = device.tensor_bytes.load(std::memory_order_relaxed);
    result.plans = device.plans.load(std::memory_order_relaxed);
    result.plan_bytes = device.plan_bytes.load(std::memory_order_relaxed);
    if (device.available && device.backend->memory_info != nullptr) {
      fusor_backend_memory memory{};
      memory.struct_size = sizeof memory;
      check(device, device.backend->memory_info(device.index, &memory));
      result.reserved_bytes = memory.reserved_bytes;
      result.limit_bytes = memory.limit_bytes;
    }
    write_struct(info, result, "info");
  });
}

fusor_status fusor_memory_empty_cache(int32_t number) {
  return api::guarded([&] {
    Device& device = usable_device(number);
    if (device.backend->empty_cache != nullptr) check(device, device.backend->empty_cache(device.index));
  });
}

fusor_status fusor_memory_limit(int32_t number, int64_t bytes) {
  return api::guarded([&] {
    if (bytes < 0) fail(FUSOR_ERROR_ARGUMENT, "a limit of memory must be at least 0, got ", bytes);
    Device& device = usable_device(number);
    if (device.backend->limit_memory == nullptr) {
      fail(FUSOR_ERROR_UNSUPPORTED, "device ", device.id,
           " has no limit of memory: the system decides there");
    }
    check(device, device.backend->limit_memory(device.index, bytes));
  });
}

fusor_status fusor_backend_load(const char* path) {
  return api::guarded([&] { load_and_add_backend(&required(path, "path")); });
}

int32_t fusor_threads_get(void) {
  int32_t threads = 0;
  api::guarded([&] { threads = cpu_backend().get_threads(); });
  return threads;
}

fusor_status fusor_threads_set(int32_t threads) {
  return api::guarded([&] {
    if (threads < 0) fail(FUSOR_ERROR_ARGUMENT, "threads must be at least 0, got ", threads);
    check(device_at(0), cpu_backend().set_threads(threads));
  });
}

fusor_status fusor_environment_create(fusor_environment** environment) {
  return api::guarded([&] {
    required(environment, "environment") = nullptr;
    *environment = std::make_unique<Environment>().release();
  });
}

void fusor_environment_destroy(fusor_environment* environment) {
  const std::unique_ptr<Environment> owned(environment);
}

fusor_status fusor_synchronize(fusor_environment* environment, int32_t device, fusor_callback callback,
                               void* user_data) {
  return api::guarded([&] {
    Stream& stream = required(environment, "environment").stream(usable_device(device));
    stream.push(std::make_unique<SynchronizeTask>(Callback{callback, user_data}));
  });
}

fusor_status fusor_measure_peak(fusor_environment* environment, int32_t device, int32_t threads,
                                double* gflops, fusor_callback callback, void* user_data) {
  return api::guarded([&] {
    if (threads < 0) fail(FUSOR_ERROR_ARGUMENT, "threads must be at least 0, got ", threads);
    Stream& stream = required(environment, "environment").stream(usable_device(device));
    stream.push(std::make_unique<MeasurePeakTask>(threads, &required(gflops, "gflops"),
                                                  Callback{callback, user_data}));
  });
}
