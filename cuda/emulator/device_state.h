// What the emulated device is, and its streams' queues.
#pragma once

#include <functional>

#include "arch/stream.h"

namespace fusor::cuda::emulator {

inline constexpr size_t kMostSharedBytes = 227 * 1024; /* as sm_90 */

using Task = std::function<Status()>;

/** Puts a task at the end of a stream (nullptr: the default one), or into the graph that the stream records.
 */
Status enqueue(DeviceStream stream, Task task);

/** The properties that device::properties gives; a test may make the device an older one. */
DeviceProperties& emulated_properties();

/** How many there are, all alike and each with memory of its own: one, or FUSOR_CUDA_EMULATED_DEVICES. */
int device_count();
/** The one that this thread's calls are about. */
int current_device();

/** Forgets a fault: what a new process would do on a GPU. Memory stays allocated. */
void reset_device();

}  // namespace fusor::cuda::emulator
