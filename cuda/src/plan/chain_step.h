// A chain of convolutions as one step of a plan.
#pragma once

#include "plan/chains.h"
#include "plan/step.h"

namespace fusor::cuda {

/** What the chain reads and writes, all channels last; absent ones have no place. */
struct ChainOperands {
  Operand x, weight1, bias1, weight2, bias2, residual, weight3, bias3;
  Operand y, z;
};

class ChainStep final : public Step {
 public:
  ChainStep(const Chain& chain, const ChainOperands& operands);
  Status run(PlanContext& context, const StepMemory& memory) override;

 private:
  const ChainArguments arguments_;
  const ChainChoice choice_;
  const ChainOperands operands_;
};

}  // namespace fusor::cuda
