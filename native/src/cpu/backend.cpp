// The struct of functions that the engine calls. Everything here is thin; no exception leaves it.
#include "cpu/backend.h"

#include <cstdio>
#include <cstring>
#include <exception>
#include <new>

#include "cpu/device/device.h"
#include "cpu/eager/prepared.h"
#include "cpu/errors.h"
#include "cpu/layout/convert.h"
#include "cpu/memory/memory.h"
#include "cpu/peak/peak.h"
#include "cpu/plan/plan.h"
#include "cpu/registry.h"
#include "platform/cores.h"
#include "platform/memory.h"

#ifndef FUSOR_VERSION
#define FUSOR_VERSION "unknown version"
#endif

namespace fusor::cpu {
namespace {

// Turns what the C++ library throws into a status.
template <class Work>
fusor_status guarded(Work&& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return fail(FUSOR_ERROR_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& exception) {
    return fail(FUSOR_ERROR_INTERNAL, "%s", exception.what());
  }
}

// Runs work(kernels), or fails where there are none.
template <class Work>
fusor_status with_kernels(Work&& work) {
  const KernelSet* kernels = active_kernels();
  if (!kernels) return fail(FUSOR_ERROR_DEVICE, "%s", isa_error());
  return guarded([&] { return work(*kernels); });
}

fusor_status require_device(int32_t device) {
  if (device == 0) return FUSOR_OK;
  return fail(FUSOR_ERROR_DEVICE, "there is one CPU device, number 0; got %d", device);
}

fusor_status out_of_memory(const char* what, int64_t bytes) {
  return fail(FUSOR_ERROR_OUT_OF_MEMORY, "the CPU has no memory for %s of %lld bytes", what,
              static_cast<long long>(bytes));
}

// ---- devices

int32_t device_count(const char** reason) {
  const bool usable = active_kernels() != nullptr;
  if (reason) *reason = usable ? "" : isa_error();
  return usable ? 1 : 0;
}

fusor_status device_properties(int32_t device, fusor_device_properties* properties) {
  if (const fusor_status status = require_device(device)) return status;
  return with_kernels([&](const KernelSet& kernels) {
    std::snprintf(properties->name, sizeof properties->name, "%s", processor_name());
    std::snprintf(properties->instruction_set, sizeof properties->instruction_set, "%s", kernels.name);
    properties->memory_bytes = platform::physical_memory();
    properties->compute_units = platform::available_cores();
    return FUSOR_OK;
  });
}

int32_t get_threads() {
  return Pool::instance().threads();
}

fusor_status set_threads(int32_t threads) {
  if (threads < 0 || threads > Team::kMaxThreads) {
    return fail(FUSOR_ERROR_ARGUMENT, "threads must be 0 (one per core) to %d, got %d", Team::kMaxThreads,
                threads);
  }
  Pool::instance().set_threads(threads);
  return FUSOR_OK;
}

// ---- memory

fusor_status allocate(int32_t device, int64_t bytes, void** pointer) {
  *pointer = nullptr;
  if (const fusor_status status = require_device(device)) return status;
  *pointer = allocate_memory(bytes);
  return *pointer ? FUSOR_OK : out_of_memory("a tensor", bytes);
}
void release(int32_t, void* pointer, int64_t bytes) {
  release_memory(pointer, bytes);
}

fusor_status allocate_arena(int32_t device, int64_t bytes, void** pointer) {
  *pointer = nullptr;
  if (const fusor_status status = require_device(device)) return status;
  *pointer = allocate_arena_memory(bytes);
  return *pointer ? FUSOR_OK : out_of_memory("a plan's arena", bytes);
}
void release_arena(int32_t, void* pointer, int64_t bytes) {
  release_arena_memory(pointer, bytes);
}

fusor_status memory_info(int32_t, fusor_backend_memory* info) {
  info->used_bytes = used_memory();
  info->reserved_bytes = info->used_bytes + kept_memory();
  info->limit_bytes = 0;
  return FUSOR_OK;
}
fusor_status empty_cache(int32_t) {
  release_kept_memory();
  return FUSOR_OK;
}

// ---- streams

fusor_status stream_create(int32_t device, fusor_backend_stream** stream) {
  *stream = nullptr;
  if (const fusor_status status = require_device(device)) return status;
  return with_kernels([&](const KernelSet&) {
    *stream = new fusor_backend_stream;
    return FUSOR_OK;
  });
}
void stream_destroy(fusor_backend_stream* stream) {
  delete stream;
}
fusor_status stream_synchronize(fusor_backend_stream*) {
  return FUSOR_OK;
}  // every call returns when it is done

fusor_status copy(void* destination, const void* source, int64_t bytes) {
  if (bytes > 0) std::memcpy(destination, source, static_cast<size_t>(bytes));
  return FUSOR_OK;
}
fusor_status copy_to_device(fusor_backend_stream*, void* device_pointer, const void* host, int64_t bytes) {
  return copy(device_pointer, host, bytes);
}
fusor_status copy_to_host(fusor_backend_stream*, void* host, const void* device_pointer, int64_t bytes) {
  return copy(host, device_pointer, bytes);
}

// ---- op level

fusor_status prepare_op(fusor_backend_stream*, const fusor_op_call* call) {
  return with_kernels([&](const KernelSet& kernels) { return prepare_call(kernels, *call); });
}

fusor_status supports(const fusor_op_call* call) {
  return prepare_op(nullptr, call);
}

fusor_status run_op(fusor_backend_stream* stream, const fusor_op_call* call) {
  return with_kernels([&](const KernelSet& kernels) { return run_call(kernels, stream->scratch, *call); });
}

fusor_status convert(fusor_backend_stream*, const fusor_buffer* source, const fusor_buffer* destination) {
  return with_kernels([&](const KernelSet& kernels) {
    Pool& pool = Pool::instance();
    const Pool::Turn turn;
    return convert_layout(kernels, pool, pool.threads(), *source, *destination);
  });
}

void forget(uint64_t identity) {
  forget_prepared(identity);
}

// ---- measuring

fusor_status peak(fusor_backend_stream*, int32_t threads, double* gflops) {
  return with_kernels([&](const KernelSet& kernels) {
    Pool& pool = Pool::instance();
    const Pool::Turn turn;
    *gflops = measure_peak(kernels, pool, threads > 0 ? threads : pool.threads());
    return FUSOR_OK;
  });
}

// FUSOR_INSTRUCTION_SETS: those that this build has kernels for.
const char* build_text() {
  return FUSOR_VERSION " (" __VERSION__ "; " FUSOR_INSTRUCTION_SETS ")";
}

}  // namespace

const fusor_backend* backend() {
  static const fusor_backend functions = {
      .struct_size = sizeof(fusor_backend),
      .abi_version = FUSOR_BACKEND_ABI_VERSION,
      .kind = "cpu",
      .build = build_text(),
      .last_error = last_error,
      .device_count = device_count,
      .device_properties = device_properties,
      .get_threads = get_threads,
      .set_threads = set_threads,
      .allocate = allocate,
      .release = release,
      .allocate_arena = allocate_arena,
      .release_arena = release_arena,
      .stream_create = stream_create,
      .stream_destroy = stream_destroy,
      .stream_synchronize = stream_synchronize,
      .copy_to_device = copy_to_device,
      .copy_to_host = copy_to_host,
      .prepare_op = prepare_op,
      .run_op = run_op,
      .convert_layout = convert,
      .forget = forget,
      .plan_build = plan_build,
      .plan_destroy = plan_destroy,
      .plan_info = plan_info,
      .plan_buffer = plan_buffer,
      .plan_step = plan_step,
      .plan_begin = plan_begin,
      .plan_run_step = plan_run_step,
      .plan_end = plan_end,
      .measure_peak = peak,
      .supports = supports,
      .memory_info = memory_info,
      .empty_cache = empty_cache,
      .limit_memory = nullptr,
      .plan_time = nullptr,
      .stream_mark = nullptr,
      .stream_wait = nullptr,
  };
  return &functions;
}

}  // namespace fusor::cpu
