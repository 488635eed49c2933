#include "cpu/plan/plan.h"

#include <algorithm>
#include <cstdio>
#include <new>
#include <optional>

#include "cpu/memory/memory.h"
#include "cpu/plan/builder.h"

struct fusor_backend_plan {
  const fusor::cpu::KernelSet& kernels;
  const int threads;
  fusor::cpu::PlanContents contents;
  fusor::cpu::Scratch scratch;
  std::optional<fusor::cpu::Pool::Turn> turn;  // during a run
};

namespace fusor::cpu {

fusor_status plan_build(fusor_backend_stream*, const fusor_graph* graph, const fusor_plan_options* options,
                        fusor_backend_plan** plan) try {
  *plan = nullptr;
  const KernelSet* kernels = active_kernels();
  if (!kernels) return fail(FUSOR_ERROR_DEVICE, "%s", isa_error());
  Pool& pool = Pool::instance();
  const int threads = options->threads > 0 ? std::min(options->threads, Team::kMaxThreads) : pool.threads();
  auto result = std::unique_ptr<fusor_backend_plan>(new fusor_backend_plan{*kernels, threads, {}, {}, {}});
  // Packed weights come from the system: what tensors left behind must not lie beside them.
  release_kept_memory();
  Pool::Turn turn;
  if (fusor_status status = build_plan(*kernels, pool, threads, *graph, *options, result->contents))
    return status;
  *plan = result.release();
  return FUSOR_OK;
} catch (const std::bad_alloc&) {
  return fail(FUSOR_ERROR_OUT_OF_MEMORY, "no memory to build the plan");
}

void plan_destroy(fusor_backend_plan* plan) {
  delete plan;
}

fusor_status plan_info(const fusor_backend_plan* plan, fusor_plan_info* info) {
  info->step_count = static_cast<int32_t>(plan->contents.steps.size());
  info->buffer_count = static_cast<int32_t>(plan->contents.buffers.size());
  info->packed_bytes = 0;
  for (const auto& step : plan->contents.steps) info->packed_bytes += step->packed_bytes();
  for (const auto& constant : plan->contents.constants) info->packed_bytes += constant.bytes();
  return FUSOR_OK;
}

fusor_status plan_buffer(const fusor_backend_plan* plan, int32_t index, fusor_plan_buffer* buffer) {
  *buffer = plan->contents.buffers[index];
  return FUSOR_OK;
}

fusor_status plan_step(const fusor_backend_plan* plan, int32_t index, fusor_plan_step* step) {
  const StepDescription& description = plan->contents.steps[index]->description;
  step->name = description.name.c_str();
  step->op = description.op.c_str();
  step->algorithm = description.algorithm.c_str();
  step->instruction_set = plan->kernels.name;
  step->flops = description.flops;
  step->bytes = description.bytes;
  return FUSOR_OK;
}

fusor_status plan_begin(fusor_backend_plan* plan, fusor_backend_stream*, const fusor_plan_memory*,
                        int32_t* replayed) {
  *replayed = 0;
  plan->turn.emplace();
  return FUSOR_OK;
}

fusor_status plan_run_step(fusor_backend_plan* plan, fusor_backend_stream*, int32_t step,
                           const fusor_plan_memory* memory) {
  const StepContext context{plan->kernels, Pool::instance(), plan->threads,
                            plan->scratch, *memory,          plan->contents.constants};
  const fusor_status status = plan->contents.steps[step]->run(context);
  plan->scratch.reset();
  return status;
}

fusor_status plan_end(fusor_backend_plan* plan, fusor_backend_stream*) {
  plan->turn.reset();
  return FUSOR_OK;
}

}  // namespace fusor::cpu
