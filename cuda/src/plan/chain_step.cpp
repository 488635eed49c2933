#include "plan/chain_step.h"

namespace fusor::cuda {

ChainStep::ChainStep(const Chain& chain, const ChainOperands& operands)
    : arguments_(chain.arguments), choice_(chain.choice), operands_(operands) {
  for (const Operand& read : {operands.x, operands.weight1, operands.bias1, operands.weight2, operands.bias2,
                              operands.residual, operands.weight3, operands.bias3}) {
    if (read) reads.push_back(read);
  }
  writes = {operands.y};
  if (operands.z) writes.push_back(operands.z);
}

Status ChainStep::run(PlanContext& context, const StepMemory& memory) {
  const auto at = [&](const Operand& operand) {
    return operand ? data_pointer(memory.resolve(operand)) : nullptr;
  };
  ChainArguments a = arguments_;
  a.x = at(operands_.x);
  a.weight1 = at(operands_.weight1);
  a.bias1 = at(operands_.bias1);
  a.weight2 = at(operands_.weight2);
  a.bias2 = at(operands_.bias2);
  a.residual = at(operands_.residual);
  a.weight3 = at(operands_.weight3);
  a.bias3 = at(operands_.bias3);
  a.y = at(operands_.y);
  a.z = at(operands_.z);
  return chain(context.stream, a, choice_);
}

}  // namespace fusor::cuda
