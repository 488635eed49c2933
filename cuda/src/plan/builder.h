// Lowers a graph to steps: decides in which order of dimensions each value lies (channels last between ops on
// images, row-major elsewhere), brings constants into the form that their readers take, once, and inserts a
// copy where a reader needs another order.
#pragma once

#include <memory>
#include <vector>

#include "plan/step.h"

namespace fusor::cuda {

struct PlanContents {
  std::vector<std::unique_ptr<Step>> steps;
  std::vector<fusor_plan_buffer> buffers;
  std::vector<DeviceMemory> constants;
};

/** The device is entered; constants are on it when its compute stream gets there. */
Status build_plan(Device& device, const fusor_graph& graph, const fusor_plan_options& options,
                  PlanContents& contents);

}  // namespace fusor::cuda
