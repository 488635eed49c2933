// device_api.h over the CUDA runtime, one call each.
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <cstdio>
#include <source_location>
#include <string>

#include "arch/cuda_error.h"
#include "arch/device_api.h"

namespace fusor::cuda {
namespace detail {
namespace {

// Errors after which nothing works any more in this process: the context is gone, and the runtime repeats
// them for ever. Everything else is about the one call.
bool is_sticky(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorMisalignedAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorHardwareStackError:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorDevicesUnavailable:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

}  // namespace

Status cuda_status(cudaError_t error, const std::string& what) {
  // The process is ending and the driver has gone first: what was to be freed is free.
  if (error == cudaSuccess || error == cudaErrorCudartUnloading) return {};
  (void)cudaGetLastError();  // told once, here, and not by the next call again
  const fusor_status code = error == cudaErrorMemoryAllocation ? FUSOR_ERROR_OUT_OF_MEMORY
                            : is_sticky(error)                 ? FUSOR_ERROR_DEVICE_LOST
                                                               : FUSOR_ERROR_INTERNAL;
  return {code, what + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ")"};
}

}  // namespace detail

namespace device {
namespace {

Status check(cudaError_t error, const char* call,
             const std::source_location& place = std::source_location::current()) {
  if (error == cudaSuccess) return {};
  const std::string file = place.file_name();
  return detail::cuda_status(
      error, file.substr(file.rfind('/') + 1) + ":" + std::to_string(place.line()) + ": " + call);
}

constexpr int kLeastDriver = 13000;
constexpr const char* kDriverRemedy =
    "driver 580 or newer (https://www.nvidia.com/drivers), or use device 'cpu'";

Status no_driver(const std::string& why) {
  return {FUSOR_ERROR_DEVICE, "no NVIDIA driver: " + why + "; install " + kDriverRemedy};
}

Status old_driver(int version) {
  return {FUSOR_ERROR_DEVICE, "the NVIDIA driver is too old: it is for CUDA " +
                                  std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10) +
                                  ", but 13.0 is needed; upgrade to " + kDriverRemedy};
}

}  // namespace

Status driver_version(int* version) {
  *version = 0;
  return check(cudaDriverGetVersion(version), "cudaDriverGetVersion");
}

Status count(int* devices) {
  *devices = 0;
  // The runtime has one error for a driver that is not there and for one that is too old. Looked for first,
  // and left open: the runtime opens it as well.
  if (dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL) == nullptr) {
    const char* reason = dlerror();
    return no_driver(reason != nullptr ? reason : "libcuda.so.1 cannot be opened");
  }
  int version = 0;
  FUSOR_RETURN_IF_ERROR(driver_version(&version));
  if (version == 0) return no_driver("libcuda.so.1 does not answer");
  if (version < kLeastDriver) return old_driver(version);
  const cudaError_t error = cudaGetDeviceCount(devices);
  if (error == cudaErrorInsufficientDriver) return old_driver(version);
  if (error == cudaErrorNoDevice) {
    (void)cudaGetLastError();
    *devices = 0;
    return {FUSOR_ERROR_DEVICE,
            "the NVIDIA driver finds no GPU; look at nvidia-smi and at CUDA_VISIBLE_DEVICES, or use device "
            "'cpu'"};
  }
  if (Status status = check(error, "cudaGetDeviceCount"); !status.ok()) {
    return {FUSOR_ERROR_DEVICE, "the NVIDIA driver does not start: " + status.message() +
                                    "; look at nvidia-smi, or use device 'cpu'"};
  }
  return {};
}

Status properties(int device, DeviceProperties* properties) {
  cudaDeviceProp known{};
  FUSOR_RETURN_IF_ERROR(check(cudaGetDeviceProperties(&known, device), "cudaGetDeviceProperties"));
  std::snprintf(properties->name, sizeof properties->name, "%s", known.name);
  properties->major = known.major;
  properties->minor = known.minor;
  properties->multiprocessors = known.multiProcessorCount;
  properties->memory_bytes = static_cast<int64_t>(known.totalGlobalMem);
  properties->l2_bytes = known.l2CacheSize;
  properties->shared_bytes_per_block = static_cast<int>(known.sharedMemPerBlockOptin);
  properties->shared_bytes_per_multiprocessor = static_cast<int>(known.sharedMemPerMultiprocessor);
  properties->registers_per_multiprocessor = known.regsPerMultiprocessor;
  properties->threads_per_multiprocessor = known.maxThreadsPerMultiProcessor;
  return check(cudaDeviceGetPCIBusId(properties->pci_bus_id, sizeof properties->pci_bus_id, device),
               "cudaDeviceGetPCIBusId");
}

Status use(int device) {
  return check(cudaSetDevice(device), "cudaSetDevice");
}

Status synchronize() {
  return check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
}

Status memory_info(int64_t* free_bytes, int64_t* total_bytes) {
  size_t free = 0, total = 0;
  FUSOR_RETURN_IF_ERROR(check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo"));
  *free_bytes = static_cast<int64_t>(free);
  *total_bytes = static_cast<int64_t>(total);
  return {};
}

Status allocate(void** pointer, int64_t bytes) {
  *pointer = nullptr;
  return check(cudaMalloc(pointer, static_cast<size_t>(bytes)), "cudaMalloc");
}

Status release(void* pointer) {
  return check(cudaFree(pointer), "cudaFree");
}

Status allocate_pinned(void** pointer, int64_t bytes) {
  *pointer = nullptr;
  return check(cudaHostAlloc(pointer, static_cast<size_t>(bytes), cudaHostAllocDefault), "cudaHostAlloc");
}

Status release_pinned(void* pointer) {
  return check(cudaFreeHost(pointer), "cudaFreeHost");
}

Status stream_create(DeviceStream* stream) {
  return check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
}

Status stream_destroy(DeviceStream stream) {
  return check(cudaStreamDestroy(stream), "cudaStreamDestroy");
}

Status stream_synchronize(DeviceStream stream) {
  return check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

Status stream_query(DeviceStream stream, bool* done) {
  const cudaError_t error = cudaStreamQuery(stream);
  *done = error != cudaErrorNotReady;
  return *done ? check(error, "cudaStreamQuery") : Status{};
}

Status stream_wait_event(DeviceStream stream, DeviceEvent event) {
  return check(cudaStreamWaitEvent(stream, event, 0), "cudaStreamWaitEvent");
}

Status copy(void* to, const void* from, int64_t bytes, DeviceStream stream) {
  return check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDefault, stream),
               "cudaMemcpyAsync");
}

Status fill(void* pointer, int byte, int64_t bytes, DeviceStream stream) {
  return check(cudaMemsetAsync(pointer, byte, static_cast<size_t>(bytes), stream), "cudaMemsetAsync");
}

Status host_call(DeviceStream stream, void (*function)(void*), void* argument) {
  return check(cudaLaunchHostFunc(stream, function, argument), "cudaLaunchHostFunc");
}

// Waiting for an event sleeps: who wants to look at it again and again asks event_query.
Status event_create(DeviceEvent* event, bool timing) {
  const unsigned flags = cudaEventBlockingSync | (timing ? 0u : cudaEventDisableTiming);
  return check(cudaEventCreateWithFlags(event, flags), "cudaEventCreateWithFlags");
}

Status event_destroy(DeviceEvent event) {
  return check(cudaEventDestroy(event), "cudaEventDestroy");
}

Status event_record(DeviceEvent event, DeviceStream stream) {
  return check(cudaEventRecord(event, stream), "cudaEventRecord");
}

Status event_synchronize(DeviceEvent event) {
  return check(cudaEventSynchronize(event), "cudaEventSynchronize");
}

Status event_query(DeviceEvent event, bool* done) {
  const cudaError_t error = cudaEventQuery(event);
  *done = error != cudaErrorNotReady;
  return *done ? check(error, "cudaEventQuery") : Status{};
}

Status event_milliseconds(float* milliseconds, DeviceEvent start, DeviceEvent end) {
  return check(cudaEventElapsedTime(milliseconds, start, end), "cudaEventElapsedTime");
}

// Of this thread's calls only: others may allocate meanwhile.
Status capture_begin(DeviceStream stream) {
  return check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
}

Status capture_end(DeviceStream stream, DeviceGraph* graph) {
  *graph = nullptr;
  return check(cudaStreamEndCapture(stream, graph), "cudaStreamEndCapture");
}

Status graph_instantiate(DeviceGraphExec* executable, DeviceGraph graph) {
  *executable = nullptr;
  return check(cudaGraphInstantiate(executable, graph, 0), "cudaGraphInstantiate");
}

Status graph_launch(DeviceGraphExec executable, DeviceStream stream) {
  return check(cudaGraphLaunch(executable, stream), "cudaGraphLaunch");
}

Status graph_destroy(DeviceGraph graph) {
  return check(cudaGraphDestroy(graph), "cudaGraphDestroy");
}

Status graph_executable_destroy(DeviceGraphExec executable) {
  return check(cudaGraphExecDestroy(executable), "cudaGraphExecDestroy");
}

}  // namespace device
}  // namespace fusor::cuda
