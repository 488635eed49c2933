// Lowers a graph to steps: chooses each value's layout (channel-blocked between convolutions, strided
// elsewhere), prepares the convolutions, and inserts a change of layout where a consumer needs another one.
#pragma once

#include <memory>
#include <vector>

#include "cpu/plan/step.h"

namespace fusor::cpu {

struct PlanContents {
  std::vector<std::unique_ptr<Step>> steps;
  std::vector<fusor_plan_buffer> buffers;
  std::vector<ConstantData> constants;
};

// Inside a Pool::Turn.
fusor_status build_plan(const KernelSet& kernels, Pool& pool, int threads, const fusor_graph& graph,
                        const fusor_plan_options& options, PlanContents& contents);

}  // namespace fusor::cpu
