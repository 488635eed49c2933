#include "plan/plan.h"

#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <numeric>
#include <string>

#include "backend/buffer.h"
#include "backend/stream.h"
#include "plan/builder.h"
#include "plan/graphs.h"
#include "plan/hold.h"
#include "runtime/errors.h"

struct fusor_backend_plan {
  fusor::cuda::Device& device;
  const fusor::cuda::OpOptions options;
  const std::vector<int64_t> input_bytes, output_bytes;
  fusor::cuda::PlanContents contents{};
  std::vector<fusor::cuda::DeviceMemory> workspaces{};
  fusor::cuda::CapturedGraphs graphs{};
  fusor::cuda::Stream
      capture{};  // of its own: what others give to the compute stream meanwhile is not recorded
  fusor::cuda::IndexReport indices{};
  bool picks = false;            // a step reports at `indices`: every run is waited for
  std::vector<void*> buffers{};  // that the graphs were captured with
  // Inputs' and outputs' places in the graph for runs at any addresses, once there is one.
  std::vector<fusor::cuda::DeviceMemory> own_inputs{}, own_outputs{};
  int32_t steps_run = 0;  // of the run under way
  bool complete = false;  // a run has gone through all steps: kernels are loaded, workspaces have their sizes

  ~fusor_backend_plan() {
    // The process may be ending and the driver gone: there is nobody to tell.
    if (!device.enter().ok()) return;
    graphs.clear();
    if (capture.handle != nullptr) (void)fusor::cuda::device::stream_destroy(capture.handle);
  }
};

namespace fusor::cuda {
namespace {

std::vector<int64_t> bytes_of(const fusor_graph& graph, const int32_t* values, int32_t count) {
  std::vector<int64_t> bytes;
  for (int32_t i = 0; i < count; ++i) {
    const fusor_graph_value& value = graph.values[values[i]];
    bytes.push_back(std::accumulate(value.sizes, value.sizes + value.rank, element_size(value.dtype),
                                    std::multiplies<>()));
  }
  return bytes;
}

template <class Work>
fusor_status guarded(Device& device, Work&& work) {
  try {
    Status status = device.enter();
    if (status.ok()) status = device.check(work());
    return report(status);
  } catch (const std::bad_alloc&) {
    return report({FUSOR_ERROR_OUT_OF_MEMORY, "out of host memory"});
  } catch (const std::exception& exception) {
    return report({FUSOR_ERROR_INTERNAL, exception.what()});
  }
}

Status run_step(fusor_backend_plan& plan, size_t index, PlanContext& context,
                const fusor_plan_memory& memory) {
  Step& step = *plan.contents.steps[index];
  const Status status = step.run(context, {memory, plan.contents.constants});
  context.next_step();
  return status;
}

Status run_all(fusor_backend_plan& plan, PlanContext& context, const fusor_plan_memory& memory) {
  for (size_t i = 0; i < plan.contents.steps.size(); ++i) {
    if (Status status = run_step(plan, i, context, memory); !status.ok()) {
      const StepDescription& about = plan.contents.steps[i]->description;
      return {status.code(), about.name + " (" + about.op + "): " + status.message()};
    }
  }
  return {};
}

Status capture(fusor_backend_plan& plan, const fusor_plan_memory& memory, DeviceGraphExec* executable) {
  if (plan.capture.handle == nullptr) {
    plan.capture = plan.device.compute();
    plan.capture.handle = nullptr;
    plan.capture.overlaps = true;
    FUSOR_RETURN_IF_ERROR(device::stream_create(&plan.capture.handle));
  }
  FUSOR_RETURN_IF_ERROR(device::capture_begin(plan.capture.handle));
  PlanContext context(plan.device, plan.capture, plan.options, plan.workspaces, plan.indices);
  const Status recorded = run_all(plan, context, memory);
  // The capture has to end, whatever came of it.
  DeviceGraph graph = nullptr;
  const Status ended = device::capture_end(plan.capture.handle, &graph);
  Status status = !recorded.ok() ? recorded : ended;
  if (status.ok() && context.grew()) {
    status = {FUSOR_ERROR_INTERNAL,
              "a step asked for more workspace when it was captured than when it ran before"};
  }
  if (status.ok()) status = device::graph_instantiate(executable, graph);
  if (graph != nullptr) (void)device::graph_destroy(graph);
  return status;
}

std::vector<void*> addresses_of(const std::vector<DeviceMemory>& memories) {
  std::vector<void*> addresses;
  for (const DeviceMemory& memory : memories) addresses.push_back(memory.data());
  return addresses;
}

Status allocate_all(Device& device, const std::vector<int64_t>& bytes, std::vector<DeviceMemory>& memories) {
  if (memories.size() == bytes.size()) return {};
  std::vector<DeviceMemory> made;
  for (const int64_t each : bytes) {
    FUSOR_RETURN_IF_ERROR(made.emplace_back(device).allocate(each));
  }
  memories = std::move(made);
  return {};
}

// The graph for runs at any addresses. Null, without an error, where there is no memory for it: runs go on
// step by step for a while.
Status capture_at_own_addresses(fusor_backend_plan& plan, const fusor_plan_memory& memory,
                                DeviceGraphExec* graph) {
  *graph = plan.graphs.at_own_addresses();
  if (*graph != nullptr) return {};
  Status status = allocate_all(plan.device, plan.input_bytes, plan.own_inputs);
  if (status.ok()) status = allocate_all(plan.device, plan.output_bytes, plan.own_outputs);
  if (status.code() == FUSOR_ERROR_OUT_OF_MEMORY) {
    plan.own_inputs.clear();
    plan.graphs.be_patient();
    return {};
  }
  FUSOR_RETURN_IF_ERROR(status);
  std::vector<void*> inputs = addresses_of(plan.own_inputs), outputs = addresses_of(plan.own_outputs);
  fusor_plan_memory own = memory;
  own.inputs = inputs.data();
  own.outputs = outputs.data();
  FUSOR_RETURN_IF_ERROR(capture(plan, own, graph));
  plan.graphs.set_at_own_addresses(*graph);
  return {};
}

Status replay_at_own_addresses(fusor_backend_plan& plan, DeviceGraphExec graph,
                               const fusor_plan_memory& memory) {
  const DeviceStream stream = plan.device.compute().handle;
  for (size_t i = 0; i < plan.own_inputs.size(); ++i) {
    FUSOR_RETURN_IF_ERROR(
        device::copy(plan.own_inputs[i].data(), memory.inputs[i], plan.input_bytes[i], stream));
  }
  FUSOR_RETURN_IF_ERROR(device::graph_launch(graph, stream));
  for (size_t i = 0; i < plan.own_outputs.size(); ++i) {
    FUSOR_RETURN_IF_ERROR(
        device::copy(memory.outputs[i], plan.own_outputs[i].data(), plan.output_bytes[i], stream));
  }
  return {};
}

// A graph's kernels report like those of the run it was captured from, without asking for the place again.
Status check_indices(fusor_backend_plan& plan, fusor_backend_stream& stream) {
  if (plan.indices.is_open()) plan.picks = true;
  if (!plan.picks) return {};
  FUSOR_RETURN_IF_ERROR(plan.device.synchronize(stream.finished));
  return plan.indices.take();
}

// Graphs hold the arena's addresses.
void forget_moved_arena(fusor_backend_plan& plan, const fusor_plan_memory& memory) {
  const std::vector<void*> now(memory.buffers, memory.buffers + plan.contents.buffers.size());
  if (now == plan.buffers) return;
  plan.graphs.clear();
  plan.buffers = now;
}

}  // namespace

fusor_status plan_build(fusor_backend_stream* stream, const fusor_graph* graph,
                        const fusor_plan_options* options, fusor_backend_plan** plan) {
  *plan = nullptr;
  Device& device = stream->device;
  return guarded(device, [&]() -> Status {
    auto made = std::unique_ptr<fusor_backend_plan>(
        new fusor_backend_plan{device,
                               {options->precision, options->deterministic != 0},
                               bytes_of(*graph, graph->inputs, graph->input_count),
                               bytes_of(*graph, graph->outputs, graph->output_count)});
    FUSOR_RETURN_IF_ERROR(build_plan(device, *graph, *options, made->contents));
    // What could fail in packing the weights should fail here.
    FUSOR_RETURN_IF_ERROR(device.synchronize(stream->finished));
    *plan = made.release();
    return {};
  });
}

void plan_destroy(fusor_backend_plan* plan) {
  delete plan;
}

fusor_status plan_info(const fusor_backend_plan* plan, fusor_plan_info* info) {
  info->step_count = static_cast<int32_t>(plan->contents.steps.size());
  info->buffer_count = static_cast<int32_t>(plan->contents.buffers.size());
  info->packed_bytes = 0;
  for (const DeviceMemory& constant : plan->contents.constants) info->packed_bytes += constant.bytes();
  return FUSOR_OK;
}

fusor_status plan_buffer(const fusor_backend_plan* plan, int32_t index, fusor_plan_buffer* buffer) {
  *buffer = plan->contents.buffers[static_cast<size_t>(index)];
  return FUSOR_OK;
}

fusor_status plan_step(const fusor_backend_plan* plan, int32_t index, fusor_plan_step* step) {
  const StepDescription& description = plan->contents.steps[static_cast<size_t>(index)]->description;
  step->name = description.name.c_str();
  step->op = description.op.c_str();
  step->algorithm = description.algorithm.c_str();
  step->instruction_set = plan->device.instruction_set();
  step->flops = description.flops;
  step->bytes = description.bytes;
  return FUSOR_OK;
}

fusor_status plan_begin(fusor_backend_plan* plan, fusor_backend_stream*, const fusor_plan_memory* memory,
                        int32_t* replayed) {
  *replayed = 0;
  return guarded(plan->device, [&]() -> Status {
    plan->steps_run = 0;
    forget_moved_arena(*plan, *memory);
    const CapturedGraphs::Key key =
        CapturedGraphs::key_of(*memory, plan->input_bytes.size(), plan->output_bytes.size());
    DeviceGraphExec graph = plan->graphs.find(key);
    if (graph != nullptr) {
      FUSOR_RETURN_IF_ERROR(device::graph_launch(graph, plan->device.compute().handle));
    } else {
      if (!plan->complete || plan->contents.steps.empty()) return {};
      if (plan->graphs.wants(key)) {
        FUSOR_RETURN_IF_ERROR(capture(*plan, *memory, &graph));
        plan->graphs.add(key, graph);
        FUSOR_RETURN_IF_ERROR(device::graph_launch(graph, plan->device.compute().handle));
      } else {
        if (!plan->graphs.addresses_change()) return {};
        FUSOR_RETURN_IF_ERROR(capture_at_own_addresses(*plan, *memory, &graph));
        if (graph == nullptr) return {};
        FUSOR_RETURN_IF_ERROR(replay_at_own_addresses(*plan, graph, *memory));
      }
    }
    plan->device.issued("a run of a captured plan");
    *replayed = 1;
    return {};
  });
}

fusor_status plan_run_step(fusor_backend_plan* plan, fusor_backend_stream*, int32_t step,
                           const fusor_plan_memory* memory) {
  return guarded(plan->device, [&]() -> Status {
    PlanContext context(plan->device, plan->device.compute(), plan->options, plan->workspaces, plan->indices);
    const Status status = run_step(*plan, static_cast<size_t>(step), context, *memory);
    plan->device.issued(plan->contents.steps[static_cast<size_t>(step)]->description.name.c_str());
    if (context.grew()) plan->graphs.clear();
    ++plan->steps_run;
    return status;
  });
}

fusor_status plan_end(fusor_backend_plan* plan, fusor_backend_stream* stream) {
  return guarded(plan->device, [&]() -> Status {
    if (plan->steps_run == static_cast<int32_t>(plan->contents.steps.size())) plan->complete = true;
    // Uploads for the next run then wait for this one at most.
    FUSOR_RETURN_IF_ERROR(plan->device.mark());
    return check_indices(*plan, *stream);
  });
}

fusor_status plan_time(fusor_backend_plan* plan, fusor_backend_stream* stream,
                       const fusor_plan_memory* memory, double* seconds) {
  return guarded(plan->device, [&]() -> Status {
    struct Events {
      std::vector<DeviceEvent> list;
      ~Events() {
        for (DeviceEvent event : list) (void)device::event_destroy(event);
      }
    } events;
    Stream& compute = plan->device.compute();
    const auto stamp = [&]() -> Status {
      DeviceEvent event = nullptr;
      FUSOR_RETURN_IF_ERROR(device::event_create(&event, true));
      events.list.push_back(event);
      return device::event_record(event, compute.handle);
    };
    PlanContext context(plan->device, compute, plan->options, plan->workspaces, plan->indices);
    // Giving a step to the device takes the host up to 30 us, longer than small steps take the device.
    constexpr int kMicrosecondsPerStep = 40;
    FUSOR_RETURN_IF_ERROR(
        hold(compute, static_cast<int>(plan->contents.steps.size()) * kMicrosecondsPerStep));
    FUSOR_RETURN_IF_ERROR(stamp());
    for (size_t i = 0; i < plan->contents.steps.size(); ++i) {
      FUSOR_RETURN_IF_ERROR(run_step(*plan, i, context, *memory));
      plan->device.issued(plan->contents.steps[i]->description.name.c_str());
      FUSOR_RETURN_IF_ERROR(stamp());
    }
    if (context.grew()) plan->graphs.clear();
    FUSOR_RETURN_IF_ERROR(plan->device.synchronize(stream->finished));
    FUSOR_RETURN_IF_ERROR(check_indices(*plan, *stream));
    for (size_t i = 0; i + 1 < events.list.size(); ++i) {
      float milliseconds = 0;
      FUSOR_RETURN_IF_ERROR(device::event_milliseconds(&milliseconds, events.list[i], events.list[i + 1]));
      seconds[i] = static_cast<double>(milliseconds) / 1000;
    }
    return {};
  });
}

}  // namespace fusor::cuda
