// The convolutions of a graph made ready: for each an algorithm, measured or by the model, its packed
// weights, and what comes along with it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpu/conv2d/convolution.h"
#include "fusor/backend.h"

namespace fusor::cpu {

struct PlannedConvolution {
  std::unique_ptr<Convolution> convolution;  // null: no convolution, or one whose weights are not known yet
  std::string reason;                        // why it has its algorithm
  int32_t max_pool = -1;                     // the node of the max-pool that it takes along
};

// `planned` has one for every node; `uses` says how many nodes and graph outputs read each value. Lets go of
// weights that nothing else reads. Inside a Pool::Turn.
fusor_status plan_convolutions(const KernelSet& kernels, Pool& pool, int threads, const fusor_graph& graph,
                               const fusor_plan_options& options, const std::vector<int32_t>& uses,
                               std::vector<PlannedConvolution>& planned);

}  // namespace fusor::cpu
