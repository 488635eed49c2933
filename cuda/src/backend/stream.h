// The engine's streams on a device: all issue to its one compute stream (docs/decisions/0010).
#pragma once

#include "backend/prepared.h"
#include "runtime/device.h"

struct fusor_backend_stream {
  fusor::cuda::Device& device;
  fusor::cuda::PreparedWeights& weights;
  fusor::cuda::DeviceEvent finished = nullptr;  // of this stream's thread: see Device::synchronize
};
