// The runtime's API in the few functions that this backend uses: thin, one call each. device_api_cuda.cpp
// implements them over cudart, emulator/device_api.cpp on the host. All may be called from any thread. Work
// given to a stream happens later and in order; what fails then is reported by a later call on any stream,
// and stays (the device is lost).
#pragma once

#include <cstddef>
#include <cstdint>

#include "arch/stream.h"

namespace fusor::cuda::device {

/** Version of the installed driver's CUDA (13000 is 13.0); 0 where there is no driver. */
Status driver_version(int* version);
/** Devices that this process sees. FUSOR_ERROR_DEVICE tells in its text 'no driver' from 'driver too old'. */
Status count(int* devices);
Status properties(int device, DeviceProperties* properties);
/** Makes `device` the one that this thread's calls are about. */
Status use(int device);
Status synchronize();

Status memory_info(int64_t* free_bytes, int64_t* total_bytes);
/** 256-byte aligned, contents undefined. FUSOR_ERROR_OUT_OF_MEMORY leaves the device usable. */
Status allocate(void** pointer, int64_t bytes);
/** Waits for work that may use it. */
Status release(void* pointer);
/** Page-locked host memory, from and to which copies overlap with work. */
Status allocate_pinned(void** pointer, int64_t bytes);
Status release_pinned(void* pointer);

Status stream_create(DeviceStream* stream);
Status stream_destroy(DeviceStream stream);
Status stream_synchronize(DeviceStream stream);
/** *done: everything given so far has finished. */
Status stream_query(DeviceStream stream, bool* done);
Status stream_wait_event(DeviceStream stream, DeviceEvent event);
/** Between any two of device, pinned and pageable memory. Pageable memory may make it wait, and need not,
 * where the driver shares it with the device. */
Status copy(void* to, const void* from, int64_t bytes, DeviceStream stream);
Status fill(void* pointer, int byte, int64_t bytes, DeviceStream stream);
/** Calls `function(argument)` on some thread when the stream gets there. It must not call the device. */
Status host_call(DeviceStream stream, void (*function)(void*), void* argument);

Status event_create(DeviceEvent* event, bool timing);
Status event_destroy(DeviceEvent event);
Status event_record(DeviceEvent event, DeviceStream stream);
Status event_synchronize(DeviceEvent event);
Status event_query(DeviceEvent event, bool* done);
/** Between two recorded and finished events made with timing. */
Status event_milliseconds(float* milliseconds, DeviceEvent start, DeviceEvent end);

/** From here to capture_end work given to `stream` is recorded and not run. */
Status capture_begin(DeviceStream stream);
Status capture_end(DeviceStream stream, DeviceGraph* graph);
Status graph_instantiate(DeviceGraphExec* executable, DeviceGraph graph);
Status graph_launch(DeviceGraphExec executable, DeviceStream stream);
Status graph_destroy(DeviceGraph graph);
Status graph_executable_destroy(DeviceGraphExec executable);

}  // namespace fusor::cuda::device
