// The engine's streams on a device: all issue to its one compute stream (docs/decisions/0010).
#pragma once

#include <deque>
#include <vector>

#include "backend/prepared.h"
#include "runtime/device.h"

struct fusor_backend_stream {
  fusor::cuda::Device& device;
  fusor::cuda::PreparedWeights& weights;
  fusor::cuda::DeviceEvent finished = nullptr;   // of this stream's thread: see Device::synchronize
  std::deque<fusor::cuda::DeviceEvent> marks{};  // not waited for yet, the oldest first
  std::vector<fusor::cuda::DeviceEvent> unused{};
};
