#include "plan/plan.h"

#include <chrono>
#include <cstdint>

#include "plan/arena.h"
#include "stream/fence.h"
#include "tensor/dtype.h"

namespace fusor {
namespace {

// Inputs and outputs of a plan start at such addresses (see fusor_plan_memory).
constexpr uintptr_t kAlignment = 64;

fusor_plan_info read_info(const Device& device, const fusor_backend_plan* plan) {
  fusor_plan_info info{};
  info.struct_size = sizeof info;
  check(device, device.backend->plan_info(plan, &info));
  return info;
}

ArenaLayout read_layout(const Device& device, const fusor_backend_plan* plan, const fusor_plan_info& info) {
  std::vector<fusor_plan_buffer> buffers(static_cast<size_t>(info.buffer_count));
  for (int32_t i = 0; i < info.buffer_count; ++i) {
    fusor_plan_buffer& buffer = buffers[static_cast<size_t>(i)];
    buffer.struct_size = sizeof buffer;
    check(device, device.backend->plan_buffer(plan, i, &buffer));
  }
  return lay_out_arena(buffers, info.step_count);
}

std::vector<fusor_plan_step> read_steps(const Device& device, const fusor_backend_plan* plan,
                                        const fusor_plan_info& info) {
  std::vector<fusor_plan_step> steps(static_cast<size_t>(info.step_count));
  for (int32_t i = 0; i < info.step_count; ++i) {
    fusor_plan_step& step = steps[static_cast<size_t>(i)];
    step.struct_size = sizeof step;
    check(device, device.backend->plan_step(plan, i, &step));
  }
  return steps;
}

// The arena for `layout`, whose offsets go to `offsets`.
Arena make_arena(Device& device, ArenaLayout layout, std::vector<int64_t>& offsets) {
  offsets = std::move(layout.offsets);
  return Arena(device, layout.bytes, layout.alignment);
}

// Between begin and end of a run in the backend.
class BackendRun {
 public:
  BackendRun(Stream& stream, fusor_backend_plan* plan, const fusor_plan_memory& memory)
      : stream_(stream), plan_(plan) {
    stream.check(backend().plan_begin(plan, stream.backend_stream(), &memory, &replayed_));
    open_ = true;
  }
  ~BackendRun() {
    if (open_) backend().plan_end(plan_, stream_.backend_stream());
  }
  BackendRun(const BackendRun&) = delete;
  BackendRun& operator=(const BackendRun&) = delete;

  bool replayed() const { return replayed_ != 0; }
  void end() {
    open_ = false;
    stream_.check(backend().plan_end(plan_, stream_.backend_stream()));
  }

 private:
  const fusor_backend& backend() const { return *stream_.device().backend; }

  Stream& stream_;
  fusor_backend_plan* const plan_;
  int32_t replayed_ = 0;
  bool open_ = false;
};

}  // namespace

// A block of the backend is aligned to 64 bytes; more than that is made here.
Arena::Arena(Device& device, int64_t bytes, int64_t alignment)
    : device_(device), bytes_(bytes == 0 ? 0 : bytes + (alignment > 64 ? alignment : 0)) {
  if (bytes_ == 0) return;
  const fusor_status status = device.backend->allocate_arena(device.index, bytes_, &block_);
  if (status == FUSOR_ERROR_OUT_OF_MEMORY) {
    fail(status, "plan: out of memory on ", device.id, ": ", bytes_,
         " bytes for its buffers could not be allocated");
  }
  check(device, status);
  const auto address = reinterpret_cast<uintptr_t>(block_), step = static_cast<uintptr_t>(alignment);
  start_ = static_cast<char*>(block_) + ((address + step - 1) / step * step - address);
}

Arena::~Arena() {
  if (block_ != nullptr) device_.backend->release_arena(device_.index, block_, bytes_);
}

}  // namespace fusor

using namespace fusor;

fusor_plan::fusor_plan(Device& device, const Graph& graph, BackendPlan plan)
    : device_(device),
      plan_(std::move(plan)),
      info_(read_info(device, plan_.get())),
      steps_(read_steps(device, plan_.get(), info_)),
      arena_(make_arena(device, read_layout(device, plan_.get(), info_), offsets_)) {
  for (const int32_t id : graph.inputs) inputs_.push_back(graph.values[static_cast<size_t>(id)].type);
  for (const int32_t id : graph.outputs) outputs_.push_back(graph.values[static_cast<size_t>(id)].type);
  for (const int64_t offset : offsets_) buffers_.push_back(arena_.start() + offset);
  input_pointers_.resize(inputs_.size());
  output_pointers_.resize(outputs_.size());
  staging_.resize(inputs_.size());
  device_.plans.fetch_add(1, std::memory_order_relaxed);
  device_.plan_bytes.fetch_add(arena_.bytes() + info_.packed_bytes, std::memory_order_relaxed);
}

fusor_plan::~fusor_plan() {
  device_.plans.fetch_sub(1, std::memory_order_relaxed);
  device_.plan_bytes.fetch_sub(arena_.bytes() + info_.packed_bytes, std::memory_order_relaxed);
}

fusor_plan::Turn::Turn(fusor_plan& plan, Stream& stream) : plan_(plan), stream_(stream) {
  Fence::wait_until(stream, [&plan] {
    if (plan.taken_) return false;
    plan.taken_ = true;
    return true;
  });
}

fusor_plan::Turn::~Turn() {
  Fence::change([this] { plan_.taken_ = false; });
}

void fusor_plan::Turn::set_inputs(std::span<const Ref<Tensor>> inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& input = *inputs[i];
    Operand given = strided_operand(stream_, input);
    const auto address =
        reinterpret_cast<uintptr_t>(given.buffer.data) + static_cast<uintptr_t>(given.buffer.byte_offset);
    if (input.view().is_contiguous() && address % kAlignment == 0) {
      plan_.input_pointers_[i] = reinterpret_cast<const void*>(address);
      held_.push_back(std::move(given.memory));
      continue;
    }
    Ref<Memory>& staging = plan_.staging_[i];
    const int64_t bytes = input.shape().elements() * dtype_size(input.dtype());
    if (!staging) staging = make_ref<Memory>(plan_.device_, bytes, PhysicalLayout{});
    const fusor_buffer target = contiguous_buffer(input.dtype(), input.shape(), staging->data(), bytes);
    stream_.check(plan_.device_.backend->convert_layout(stream_.backend_stream(), &given.buffer, &target));
    plan_.input_pointers_[i] = staging->data();
  }
}

std::vector<Ref<Memory>> fusor_plan::Turn::allocate_outputs() const {
  std::vector<Ref<Memory>> outputs;
  for (const TensorType& type : plan_.outputs_) {
    const int64_t bytes = type.shape.elements() * dtype_size(type.dtype);
    outputs.push_back(make_ref<Memory>(plan_.device_, bytes, PhysicalLayout{}));
  }
  return outputs;
}

void fusor_plan::Turn::run(std::span<const Ref<Memory>> outputs, double* seconds) {
  for (size_t i = 0; i < outputs.size(); ++i) plan_.output_pointers_[i] = outputs[i]->data();
  fusor_plan_memory memory{};
  memory.struct_size = sizeof memory;
  memory.buffers = plan_.buffers_.data();
  memory.inputs = plan_.input_pointers_.data();
  memory.outputs = plan_.output_pointers_.data();
  if (seconds != nullptr && plan_.device_.backend->plan_time != nullptr) {
    stream_.check(
        plan_.device_.backend->plan_time(plan_.plan_.get(), stream_.backend_stream(), &memory, seconds));
    return;
  }

  BackendRun run(stream_, plan_.plan_.get(), memory);
  if (run.replayed() && seconds != nullptr) {
    fail(FUSOR_ERROR_UNSUPPORTED, "profile: ", plan_.device_.id,
         " replays whole runs and cannot time single steps");
  }
  const auto steps = run.replayed() ? 0 : static_cast<int32_t>(plan_.steps_.size());
  for (int32_t step = 0; step < steps; ++step) {
    stream_.throw_if_stopping();
    if (seconds == nullptr) {
      run_step(step, memory);
      continue;
    }
    const auto before = std::chrono::steady_clock::now();
    run_step(step, memory);
    stream_.synchronize();
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - before;
    seconds[step] = time.count();
  }
  run.end();
}

void fusor_plan::Turn::run_step(int32_t step, const fusor_plan_memory& memory) {
  const fusor_backend& backend = *plan_.device_.backend;
  const fusor_status status =
      backend.plan_run_step(plan_.plan_.get(), stream_.backend_stream(), step, &memory);
  if (status == FUSOR_OK) return;
  try {
    stream_.check(status);
  } catch (const Error& error) {
    const fusor_plan_step& about = plan_.steps_[static_cast<size_t>(step)];
    throw Error(error.failure->status(),
                text("plan: step ", step, ", ", about.name, " (", about.op, "): ", error.failure->message()));
  }
}
