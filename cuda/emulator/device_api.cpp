// device_api.h on the host. A stream is a queue of tasks. In the forward schedule a task runs when it is
// given, in the reverse one as late as something waits for it, and in the random one now or then: code that
// forgets to wait fails.
#include "arch/device_api.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <unordered_set>
#include <vector>

#include "emulator/block.h"
#include "emulator/device_state.h"
#include "emulator/memory.h"

using fusor::cuda::Status;
using fusor::cuda::emulator::Task;

struct CUgraph_st {
  std::vector<Task> tasks;
};
struct CUgraphExec_st {
  std::vector<Task> tasks;
};
struct CUstream_st {
  int device = 0;
  std::deque<Task> queue;
  std::unique_ptr<CUgraph_st> recording;
  bool running = false;
};
struct CUevent_st {
  CUstream_st* stream = nullptr; /* where it was recorded and has not happened yet */
  bool recorded = false, timing = false;
  uint64_t generation = 0, happened = 0; /* of records */
  std::chrono::steady_clock::time_point time;
};

namespace fusor::cuda {
namespace emulator {
namespace {

std::recursive_mutex mutex;  // of everything here; tasks run under it, one at a time
Status lost;                 // the fault that ended the device
std::unordered_set<DeviceStream> streams;
std::mt19937 coin(7);
thread_local int current = 0;

CUstream_st& default_stream() {
  static CUstream_st stream;
  return stream;
}

CUstream_st& get(DeviceStream stream) {
  return stream != nullptr ? *stream : default_stream();
}

/** Runs the oldest task. What fails is `lost`. */
void step(CUstream_st& stream) {
  if (stream.running) return;  // a task that waits for its own stream
  Task task = std::move(stream.queue.front());
  stream.queue.pop_front();
  if (!lost.ok()) return;  // nothing runs on a lost device
  stream.running = true;
  if (Status status = task(); !status.ok()) lost = status;
  stream.running = false;
}

void drain(CUstream_st& stream) {
  while (!stream.queue.empty() && !stream.running) step(stream);
}

void drain_all() {
  drain(default_stream());
  for (DeviceStream stream : streams) drain(*stream);
}

Status capturing_error() {
  return {FUSOR_ERROR_INTERNAL, "not allowed while a stream records a graph"};
}

}  // namespace

Status enqueue(DeviceStream handle, Task task) {
  const std::lock_guard lock(mutex);
  if (!lost.ok()) return lost;
  CUstream_st& stream = get(handle);
  if (handle != nullptr && stream.device != current) {
    return {FUSOR_ERROR_INTERNAL, "work for a stream of device " + std::to_string(stream.device) +
                                      " while device " + std::to_string(current) + " is the current one"};
  }
  if (stream.recording) {
    stream.recording->tasks.push_back(std::move(task));
    return {};
  }
  stream.queue.push_back(std::move(task));
  const Schedule order = schedule();
  if (order == Schedule::forward || (order == Schedule::random && coin() % 2 == 0)) drain(stream);
  return {};
}

DeviceProperties& emulated_properties() {
  static DeviceProperties properties = [] {
    DeviceProperties p;
    std::snprintf(p.name, sizeof p.name, "emulated GPU");
    // A Hopper card, unless a test wants the kernels that older ones get.
    const char* capability = std::getenv("FUSOR_CUDA_EMULATED_CAPABILITY");
    const int number = capability == nullptr ? 90 : std::atoi(capability);
    p.major = number / 10;
    p.minor = number % 10;
    p.multiprocessors = 4;
    p.l2_bytes = 50 << 20;
    p.shared_bytes_per_block = static_cast<int>(kMostSharedBytes);
    p.shared_bytes_per_multiprocessor = 228 << 10;
    p.registers_per_multiprocessor = 65536;
    p.threads_per_multiprocessor = 2048;
    std::snprintf(p.pci_bus_id, sizeof p.pci_bus_id, "emulated");
    return p;
  }();
  return properties;
}

int device_count() {
  static const int count = [] {
    const char* wanted = std::getenv("FUSOR_CUDA_EMULATED_DEVICES");
    return wanted == nullptr ? 1 : std::clamp(std::atoi(wanted), 1, 8);
  }();
  return count;
}
int current_device() {
  return current;
}

void reset_device() {
  const std::lock_guard lock(mutex);
  default_stream().queue.clear();
  for (DeviceStream stream : streams) stream->queue.clear();
  lost = {};
}

}  // namespace emulator

namespace device {

using emulator::lost;
using emulator::mutex;

Status driver_version(int* version) {
  *version = 13000;
  return {};
}

Status count(int* devices) {
  *devices = emulator::device_count();
  return {};
}

namespace {

Status require_device(int device) {
  if (device >= 0 && device < emulator::device_count()) return {};
  return {FUSOR_ERROR_DEVICE, "there is no emulated device " + std::to_string(device)};
}

}  // namespace

Status properties(int device, DeviceProperties* properties) {
  FUSOR_RETURN_IF_ERROR(require_device(device));
  *properties = emulator::emulated_properties();
  properties->memory_bytes = static_cast<int64_t>(emulator::memory_limit());
  return {};
}

Status use(int device) {
  FUSOR_RETURN_IF_ERROR(require_device(device));
  emulator::current = device;
  return {};
}

Status synchronize() {
  const std::lock_guard lock(mutex);
  emulator::drain_all();
  return lost;
}

Status memory_info(int64_t* free_bytes, int64_t* total_bytes) {
  const size_t used = emulator::memory_used(), limit = emulator::memory_limit();
  *free_bytes = static_cast<int64_t>(used < limit ? limit - used : 0);
  *total_bytes = static_cast<int64_t>(limit);
  return {};
}

Status allocate(void** pointer, int64_t bytes) {
  if (Status status = lost; !status.ok()) return status;
  return emulator::allocate_memory(pointer, static_cast<size_t>(bytes), false);
}

Status release(void* pointer) {
  const std::lock_guard lock(mutex);
  emulator::drain_all();
  return emulator::release_memory(pointer);
}

Status allocate_pinned(void** pointer, int64_t bytes) {
  return emulator::allocate_memory(pointer, static_cast<size_t>(bytes), true);
}

Status release_pinned(void* pointer) {
  return release(pointer);
}

Status stream_create(DeviceStream* stream) {
  const std::lock_guard lock(mutex);
  *stream = new CUstream_st;
  (*stream)->device = emulator::current;
  emulator::streams.insert(*stream);
  return {};
}

Status stream_destroy(DeviceStream stream) {
  const std::lock_guard lock(mutex);
  emulator::drain(*stream);
  emulator::streams.erase(stream);
  delete stream;
  return {};
}

Status stream_synchronize(DeviceStream stream) {
  const std::lock_guard lock(mutex);
  if (emulator::get(stream).recording) return emulator::capturing_error();
  emulator::drain(emulator::get(stream));
  return lost;
}

Status stream_query(DeviceStream handle, bool* done) {
  const std::lock_guard lock(mutex);
  CUstream_st& stream = emulator::get(handle);
  if (!stream.queue.empty()) emulator::step(stream);  // asking again gets there
  *done = stream.queue.empty();
  return lost;
}

Status stream_wait_event(DeviceStream stream, DeviceEvent event) {
  const std::lock_guard lock(mutex);
  const uint64_t generation = event->generation;
  return emulator::enqueue(stream, [event, generation]() -> Status {
    while (event->happened < generation && event->stream != nullptr && !event->stream->queue.empty() &&
           !event->stream->running) {
      emulator::step(*event->stream);
    }
    return {};
  });
}

Status copy(void* to, const void* from, int64_t bytes, DeviceStream stream) {
  const auto size = static_cast<size_t>(bytes);
  auto task = [=]() -> Status {
    for (const void* end : {static_cast<const void*>(to), from}) {
      if (!emulator::is_device_address(end)) continue;
      if (Status status = emulator::check_range(end, size); !status.ok()) {
        return {FUSOR_ERROR_DEVICE_LOST, "copy: " + status.message()};
      }
    }
    if (size > 0) std::memmove(to, from, size);  // an empty tensor has no address
    return {};
  };
  const std::lock_guard lock(mutex);
  FUSOR_RETURN_IF_ERROR(emulator::enqueue(stream, task));
  const bool pageable = !emulator::is_device_address(to) || !emulator::is_device_address(from);
  if (!pageable || emulator::get(stream).recording) return {};
  emulator::drain(emulator::get(stream));
  return lost;
}

Status fill(void* pointer, int byte, int64_t bytes, DeviceStream stream) {
  const auto size = static_cast<size_t>(bytes);
  return emulator::enqueue(stream, [=]() -> Status {
    if (Status status = emulator::check_range(pointer, size); !status.ok()) {
      return {FUSOR_ERROR_DEVICE_LOST, "fill: " + status.message()};
    }
    std::memset(pointer, byte, size);
    return {};
  });
}

Status host_call(DeviceStream stream, void (*function)(void*), void* argument) {
  return emulator::enqueue(stream, [=]() -> Status {
    function(argument);
    return {};
  });
}

Status event_create(DeviceEvent* event, bool timing) {
  *event = new CUevent_st;
  (*event)->timing = timing;
  return {};
}

Status event_destroy(DeviceEvent event) {
  const std::lock_guard lock(mutex);
  if (event->stream != nullptr) emulator::drain(*event->stream);
  delete event;
  return {};
}

Status event_record(DeviceEvent event, DeviceStream handle) {
  const std::lock_guard lock(mutex);
  CUstream_st& stream = emulator::get(handle);
  if (stream.recording) return emulator::capturing_error();
  event->recorded = true;
  event->stream = &stream;
  const uint64_t generation = ++event->generation;
  return emulator::enqueue(handle, [event, generation]() -> Status {
    event->time = std::chrono::steady_clock::now();
    event->happened = generation;
    if (event->generation == generation) event->stream = nullptr;
    return {};
  });
}

Status event_synchronize(DeviceEvent event) {
  const std::lock_guard lock(mutex);
  while (event->stream != nullptr && !event->stream->queue.empty()) emulator::step(*event->stream);
  return lost;
}

Status event_query(DeviceEvent event, bool* done) {
  const std::lock_guard lock(mutex);
  if (event->stream != nullptr && !event->stream->queue.empty()) emulator::step(*event->stream);
  *done = event->stream == nullptr;
  return lost;
}

Status event_milliseconds(float* milliseconds, DeviceEvent start, DeviceEvent end) {
  const std::lock_guard lock(mutex);
  const bool ready = start->timing && end->timing && start->happened > 0 && end->happened > 0 &&
                     start->stream == nullptr && end->stream == nullptr;
  if (!ready) return {FUSOR_ERROR_INTERNAL, "both events must be made with timing, recorded and finished"};
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return {};
}

Status capture_begin(DeviceStream handle) {
  const std::lock_guard lock(mutex);
  CUstream_st& stream = emulator::get(handle);
  if (handle == nullptr || stream.recording) return emulator::capturing_error();
  stream.recording = std::make_unique<CUgraph_st>();
  return {};
}

Status capture_end(DeviceStream stream, DeviceGraph* graph) {
  const std::lock_guard lock(mutex);
  if (stream == nullptr || !stream->recording) return {FUSOR_ERROR_INTERNAL, "the stream records no graph"};
  *graph = stream->recording.release();
  return lost;
}

Status graph_instantiate(DeviceGraphExec* executable, DeviceGraph graph) {
  *executable = new CUgraphExec_st{graph->tasks};
  return {};
}

Status graph_launch(DeviceGraphExec executable, DeviceStream stream) {
  const std::lock_guard lock(mutex);
  for (const Task& task : executable->tasks) FUSOR_RETURN_IF_ERROR(emulator::enqueue(stream, task));
  return {};
}

Status graph_destroy(DeviceGraph graph) {
  delete graph;
  return {};
}

Status graph_executable_destroy(DeviceGraphExec executable) {
  delete executable;
  return {};
}

}  // namespace device
}  // namespace fusor::cuda
