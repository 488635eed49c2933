// One op at run time: prepared, given memory for its outputs, and run by the backend.
#pragma once

#include "op/attributes_copy.h"
#include "stream/compute_task.h"

namespace fusor {

class OpTask final : public ComputeTask {
 public:
  OpTask(int32_t op, const void* attributes, std::string label)
      : ComputeTask(std::move(label), op_definition(op)->schema.name), op_(op), attributes_(op, attributes) {}

 protected:
  void compute(Stream& stream) override;

 private:
  const int32_t op_;
  const AttributesCopy attributes_;
};

}  // namespace fusor
