// A network ready to run on one device: the backend's plan, the arena its buffers lie in, and the turn that
// runs take. What the C API calls fusor_plan.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "fusor/backend.h"
#include "op/infer.h"
#include "plan/graph.h"
#include "stream/operand.h"
#include "stream/stream.h"

namespace fusor {

struct BackendPlanDeleter {
  const fusor_backend* backend;
  void operator()(fusor_backend_plan* plan) const { backend->plan_destroy(plan); }
};
using BackendPlan = std::unique_ptr<fusor_backend_plan, BackendPlanDeleter>;

// The block of memory for a plan's buffers, zeroed.
class Arena {
 public:
  Arena(Device& device, int64_t bytes, int64_t alignment);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  char* start() const { return start_; }
  int64_t bytes() const { return bytes_; }

 private:
  Device& device_;
  int64_t bytes_;
  void* block_ = nullptr;
  char* start_ = nullptr;  // aligned
};

}  // namespace fusor

struct fusor_plan final : public fusor::Counted {
 public:
  // On the stream's thread. Lays out and allocates the arena.
  fusor_plan(fusor::Device& device, const fusor::Graph& graph, fusor::BackendPlan plan);
  ~fusor_plan() override;

  fusor::Device& device() const { return device_; }
  const std::vector<fusor::TensorType>& inputs() const { return inputs_; }
  const std::vector<fusor::TensorType>& outputs() const { return outputs_; }
  const std::vector<fusor_plan_step>& steps() const { return steps_; }
  int64_t arena_bytes() const { return arena_.bytes(); }
  int64_t packed_bytes() const { return info_.packed_bytes; }

  // Exclusive use, for one run or several. Waits while another stream has it; throws if `stream` is stopped
  // meanwhile.
  class Turn {
   public:
    Turn(fusor_plan& plan, fusor::Stream& stream);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    // Once per turn, before run(). Inputs are ready and of the right types; where they do not lie as the
    // backend wants them, they are copied to memory that the plan keeps for that.
    void set_inputs(std::span<const fusor::Ref<fusor::Tensor>> inputs);
    // Memory for one set of outputs.
    std::vector<fusor::Ref<fusor::Memory>> allocate_outputs() const;
    // Walks the steps. `seconds`, if not null, gets the time of each step. Stops between steps when the
    // stream does.
    void run(std::span<const fusor::Ref<fusor::Memory>> outputs, double* seconds = nullptr);

   private:
    void run_step(int32_t step, const fusor_plan_memory& memory);

    fusor_plan& plan_;
    fusor::Stream& stream_;
    std::vector<fusor::Ref<fusor::Memory>> held_;
  };

 private:
  fusor::Device& device_;
  const fusor::BackendPlan plan_;
  fusor_plan_info info_{};
  std::vector<fusor_plan_step> steps_;
  std::vector<int64_t>
      offsets_;  // of the buffers in the arena; declared before it, as its size comes from there too
  fusor::Arena arena_;
  std::vector<fusor::TensorType> inputs_, outputs_;

  // Guarded by the turn, which itself is guarded by the mutex of fences.
  bool taken_ = false;
  std::vector<void*> buffers_;
  std::vector<const void*> input_pointers_;
  std::vector<void*> output_pointers_;
  std::vector<fusor::Ref<fusor::Memory>> staging_;  // per input; null until needed
};

namespace fusor {
using Plan = ::fusor_plan;
}
