// The struct of functions that the engine calls. Everything here is thin; no exception leaves it.
#include "backend/backend.h"

#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "backend/eager.h"
#include "backend/forms.h"
#include "backend/stream.h"
#include "copy/copy.h"
#include "fusor/op_names.h"
#include "peak/peak.h"
#include "plan/plan.h"
#include "runtime/device.h"
#include "runtime/errors.h"

#ifndef FUSOR_VERSION
#define FUSOR_VERSION "unknown version"
#endif

namespace fusor::cuda {
namespace {

// Turns a Status, and what the C++ library throws, into what the C side takes.
template <class Work>
fusor_status guarded(Work&& work) {
  try {
    return report(work());
  } catch (const std::bad_alloc&) {
    return report({FUSOR_ERROR_OUT_OF_MEMORY, "out of host memory"});
  } catch (const std::exception& exception) {
    return report({FUSOR_ERROR_INTERNAL, exception.what()});
  }
}

// The same with a device that is usable and current on this thread.
template <class Work>
fusor_status on_device(int32_t index, Work&& work) {
  return guarded([&]() -> Status {
    Device* device = nullptr;
    FUSOR_RETURN_IF_ERROR(find_device(index, &device));
    FUSOR_RETURN_IF_ERROR(device->enter());
    return work(*device);
  });
}

template <class Work>
fusor_status on_stream(fusor_backend_stream* stream, Work&& work) {
  return guarded([&]() -> Status {
    FUSOR_RETURN_IF_ERROR(stream->device.enter());
    return stream->device.check(work(stream->device));
  });
}

// Prepared weights by device. Never destroyed, as devices are not.
std::vector<std::unique_ptr<PreparedWeights>>& prepared_weights() {
  static auto* const all = [] {
    auto* list = new std::vector<std::unique_ptr<PreparedWeights>>;
    std::string reason;
    for (int i = 0; i < cuda::device_count(&reason); ++i) {
      Device* device = nullptr;
      if (find_device(i, &device).ok()) list->push_back(std::make_unique<PreparedWeights>(*device));
    }
    return list;
  }();
  return *all;
}

// ---- devices

int32_t device_count(const char** reason) {
  static const auto* const text = new std::string([] {
    std::string why;
    cuda::device_count(&why);
    return why;
  }());
  std::string unused;
  if (reason != nullptr) *reason = text->c_str();
  return cuda::device_count(&unused);
}

fusor_status device_properties(int32_t index, fusor_device_properties* properties) {
  return guarded([&]() -> Status {
    Device* device = nullptr;
    FUSOR_RETURN_IF_ERROR(find_device(index, &device));
    FUSOR_RETURN_IF_ERROR(device->usable());
    const DeviceProperties& known = device->properties();
    std::snprintf(properties->name, sizeof properties->name, "%.*s",
                  static_cast<int>(sizeof properties->name - 1), known.name);
    std::snprintf(properties->instruction_set, sizeof properties->instruction_set, "%s",
                  device->instruction_set());
    properties->memory_bytes = known.memory_bytes;
    properties->compute_units = known.multiprocessors;
    return {};
  });
}

int32_t get_threads() {
  return 0;
}
fusor_status set_threads(int32_t) {
  return FUSOR_OK;
}

// ---- memory

fusor_status allocate(int32_t index, int64_t bytes, void** pointer) {
  *pointer = nullptr;
  return on_device(index, [&](Device& device) { return device.check(device.allocate(bytes, pointer)); });
}

// Memory of a lost device is the driver's to free.
void release(int32_t index, void* pointer, int64_t) {
  Device* device = nullptr;
  if (find_device(index, &device).ok()) device->release(pointer);
}

fusor_status allocate_arena(int32_t index, int64_t bytes, void** pointer) {
  *pointer = nullptr;
  return on_device(index, [&](Device& device) -> Status {
    FUSOR_RETURN_IF_ERROR(device.check(device.allocate(bytes, pointer)));
    FUSOR_RETURN_IF_ERROR(device.check(device::fill(*pointer, 0, bytes, device.compute().handle)));
    device.issued("zeroing a plan's arena");
    return {};
  });
}

fusor_status memory_info(int32_t index, fusor_backend_memory* info) {
  return guarded([&]() -> Status {
    Device* device = nullptr;
    FUSOR_RETURN_IF_ERROR(find_device(index, &device));
    *info = device->allocator().info();
    return {};
  });
}

fusor_status empty_cache(int32_t index) {
  return on_device(index, [](Device& device) { return device.check(device.allocator().empty_cache()); });
}

fusor_status limit_memory(int32_t index, int64_t bytes) {
  return guarded([&]() -> Status {
    Device* device = nullptr;
    FUSOR_RETURN_IF_ERROR(find_device(index, &device));
    device->allocator().limit(bytes);
    return {};
  });
}

// ---- streams

fusor_status stream_create(int32_t index, fusor_backend_stream** stream) {
  *stream = nullptr;
  return on_device(index, [&](Device& device) -> Status {
    auto made = std::unique_ptr<fusor_backend_stream>(
        new fusor_backend_stream{device, *prepared_weights()[static_cast<size_t>(index)]});
    FUSOR_RETURN_IF_ERROR(device.check(device::event_create(&made->finished, false)));
    *stream = made.release();
    return {};
  });
}

// The process may be ending and the driver gone: there is nobody to tell.
void stream_destroy(fusor_backend_stream* stream) {
  if (stream->device.enter().ok()) {
    (void)device::event_destroy(stream->finished);
    for (DeviceEvent event : stream->marks) (void)device::event_destroy(event);
    for (DeviceEvent event : stream->unused) (void)device::event_destroy(event);
  }
  delete stream;
}

fusor_status stream_synchronize(fusor_backend_stream* stream) {
  return on_stream(stream, [&](Device& device) { return device.synchronize(stream->finished); });
}

fusor_status stream_mark(fusor_backend_stream* stream) {
  return on_stream(stream, [&](Device& device) -> Status {
    DeviceEvent event = nullptr;
    if (stream->unused.empty()) {
      FUSOR_RETURN_IF_ERROR(device.check(device::event_create(&event, false)));
      stream->unused.push_back(event);
    }
    event = stream->unused.back();
    stream->marks.push_back(event);
    stream->unused.pop_back();
    const Status status = device.check(device::event_record(event, device.compute().handle));
    if (!status.ok()) {
      stream->unused.push_back(event);
      stream->marks.pop_back();
    }
    return status;
  });
}

fusor_status stream_wait(fusor_backend_stream* stream) {
  const DeviceEvent event = stream->marks.front();
  stream->marks.pop_front();
  stream->unused.push_back(event);
  return on_stream(stream, [&](Device& device) { return device.check(wait_for(event)); });
}

fusor_status copy_to_device(fusor_backend_stream* stream, void* pointer, const void* host, int64_t bytes) {
  return on_stream(stream, [&](Device& device) { return device.copy_to_device(pointer, host, bytes); });
}

fusor_status copy_to_host(fusor_backend_stream* stream, void* host, const void* pointer, int64_t bytes) {
  return on_stream(stream, [&](Device& device) { return device.copy_to_host(host, pointer, bytes); });
}

// ---- op level

Status find_entry(int32_t op, const OpEntry** entry) {
  *entry = find_op(op);
  if (*entry != nullptr) return {};
  return {FUSOR_ERROR_UNSUPPORTED, "GPUs have no kernel for it; move its inputs with to('cpu')"};
}

fusor_status supports(const fusor_op_call* call) {
  return guarded([&]() -> Status {
    const OpEntry* entry = nullptr;
    FUSOR_RETURN_IF_ERROR(find_entry(call->op, &entry));
    return prepare(*entry, *call);
  });
}

fusor_status prepare_op(fusor_backend_stream*, const fusor_op_call* call) {
  return supports(call);
}

fusor_status run_op(fusor_backend_stream* stream, const fusor_op_call* call) {
  return on_stream(stream, [&](Device& device) -> Status {
    const OpEntry* entry = nullptr;
    FUSOR_RETURN_IF_ERROR(find_entry(call->op, &entry));
    const Status status = run_eagerly(device, stream->weights, *entry, *call, stream->finished);
    device.issued(fusor_op_names[call->op]);
    return status;
  });
}

fusor_status convert_layout(fusor_backend_stream* stream, const fusor_buffer* source,
                            const fusor_buffer* destination) {
  return on_stream(stream, [&](Device& device) -> Status {
    const Status status = copy_elements(device.compute(), *source, *destination);
    device.issued("a copy between layouts");
    return status;
  });
}

void forget(uint64_t identity) {
  for (const auto& weights : prepared_weights()) weights->forget(identity);
}

// Threads are the host's affair.
fusor_status measure_peak(fusor_backend_stream* stream, int32_t, double* gflops) {
  return on_stream(stream, [&](Device& device) { return measure_fma_rate(device.compute(), gflops); });
}

constexpr fusor_backend make_backend() {
  fusor_backend functions{};
  functions.struct_size = sizeof functions;
  functions.abi_version = FUSOR_BACKEND_ABI_VERSION;
#if defined(FUSOR_CUDA_EMULATED)
  functions.kind = "cuda-emulated";
  functions.build = FUSOR_VERSION " (emulator, " __VERSION__ ")";
#else
  functions.kind = "cuda";
  functions.build = FUSOR_VERSION " (" FUSOR_CUDA_BUILD ")";
#endif
  functions.last_error = last_error;
  functions.device_count = device_count;
  functions.device_properties = device_properties;
  functions.get_threads = get_threads;
  functions.set_threads = set_threads;
  functions.allocate = allocate;
  functions.release = release;
  functions.allocate_arena = allocate_arena;
  functions.release_arena = release;
  functions.stream_create = stream_create;
  functions.stream_destroy = stream_destroy;
  functions.stream_synchronize = stream_synchronize;
  functions.copy_to_device = copy_to_device;
  functions.copy_to_host = copy_to_host;
  functions.prepare_op = prepare_op;
  functions.run_op = run_op;
  functions.convert_layout = convert_layout;
  functions.forget = forget;
  functions.plan_build = plan_build;
  functions.plan_destroy = plan_destroy;
  functions.plan_info = plan_info;
  functions.plan_buffer = plan_buffer;
  functions.plan_step = plan_step;
  functions.plan_begin = plan_begin;
  functions.plan_run_step = plan_run_step;
  functions.plan_end = plan_end;
  functions.measure_peak = measure_peak;
  functions.supports = supports;
  functions.memory_info = memory_info;
  functions.empty_cache = empty_cache;
  functions.limit_memory = limit_memory;
  functions.plan_time = plan_time;
  functions.stream_mark = stream_mark;
  functions.stream_wait = stream_wait;
  return functions;
}

}  // namespace

const fusor_backend* backend() {
  static constexpr fusor_backend functions = make_backend();
  return &functions;
}

}  // namespace fusor::cuda

extern "C" __attribute__((visibility("default"))) const fusor_backend* fusor_backend_get(uint32_t) {
  return fusor::cuda::backend();
}
