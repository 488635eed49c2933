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

/** Forgets a fault: what a new process would do on a GPU. Memory stays allocated. */
void reset_device();

}  // namespace fusor::cuda::emulator
