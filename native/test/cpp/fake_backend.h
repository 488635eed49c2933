// A backend for tests of the engine: slow, simple and watchful. Its memory counts as a device's (not the
// host's), it can lay outputs out in ways that only it reads, fail on demand, wait at a gate, and it notices
// calls from wrong threads.
//
// Ops: add, mul, neg, relu, fill, concat; f32 only, except fill.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "fusor/backend.h"

namespace fake {

// What this backend's opaque types are. They have names of their own, as a program that has this header in it
// has the CPU backend, too, and its fusor_backend_stream and fusor_backend_plan.
struct Stream {
  std::thread::id thread;
  int device = 0;
  int marks = 0;  // not waited for
};
inline Stream* own(fusor_backend_stream* stream) {
  return reinterpret_cast<Stream*>(stream);
}

inline constexpr int kDevices = 2;

// How outputs of rank 4 lie.
enum class OutputLayout { kContiguous, kBlocked, kChannelsLast };

struct State {
  std::atomic<OutputLayout> layout{OutputLayout::kContiguous};
  std::atomic<int> failing_allocations{0};  // so many of the next ones run out of memory
  std::atomic<int> failing_op{-1};          // run_op of this op fails with failing_status
  std::atomic<int> failing_status{FUSOR_ERROR_INTERNAL};
  std::atomic<int> failing_step{-1};      // of plans
  std::atomic<int> failing_streams{0};    // so many of the next ones cannot be created
  std::atomic<bool> late_failure{false};  // the next stream_synchronize fails
  std::atomic<bool> replays{false};       // plan_begin runs everything, as a captured graph would
  std::atomic<bool> releases{false};      // plan_build lets go of each constant that it has copied

  std::atomic<int64_t> cached_bytes{0}, limit_bytes{0};

  std::atomic<int64_t> live_bytes{0}, live_blocks{0}, live_arenas{0}, live_streams{0}, live_plans{0};
  std::atomic<int64_t> allocations{0};           // ever
  std::atomic<int64_t> live_bytes_of_build{-1};  // after the last constant that plan_build let go of
  std::atomic<int64_t> ops{0}, conversions{0}, synchronizations{0}, steps{0}, uploads{0};
  std::atomic<int64_t> wrong_threads{0};  // calls on a stream from another thread than its own
  std::atomic<int64_t> runs_at_once{0}, most_runs_at_once{0};  // of one plan

  std::mutex mutex;
  std::condition_variable changed;
  bool gate_closed = false;
  int waiting = 0;
  std::set<uint64_t> forgotten;
  std::vector<uint64_t> seen_identities, seen_versions;  // of inputs, in order
  std::function<void(int step)> at_step;                 // called in every plan_run_step
  std::function<void()> at_synchronize;

  void close_gate() {
    const std::lock_guard lock(mutex);
    gate_closed = true;
  }
  void open_gate() {
    const std::lock_guard lock(mutex);
    gate_closed = false;
    changed.notify_all();
  }
  // Until an op or step stands at the gate.
  void await_somebody_at_gate(int count = 1) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting >= count; });
  }
  void pass_gate() {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [&] { return !gate_closed; });
    --waiting;
  }
};

inline State& state() {
  static State instance;
  return instance;
}

// As new, apart from what lives.
inline void reset() {
  State& s = state();
  s.layout = OutputLayout::kContiguous;
  s.failing_allocations = 0;
  s.failing_op = -1;
  s.failing_status = FUSOR_ERROR_INTERNAL;
  s.failing_step = -1;
  s.failing_streams = 0;
  s.late_failure = false;
  s.replays = false;
  s.releases = false;
  s.allocations = s.ops = s.conversions = s.synchronizations = s.steps = s.uploads = 0;
  s.most_runs_at_once = 0;
  s.open_gate();
  const std::lock_guard lock(s.mutex);
  s.seen_identities.clear();
  s.seen_versions.clear();
  s.at_step = nullptr;
  s.at_synchronize = nullptr;
}

// Of this thread. Plain bytes, which need no destructor (thread_destructors.sh).
inline thread_local char last_message[256];

inline fusor_status fail(fusor_status status, const std::string& message) {
  last_message[message.copy(last_message, sizeof last_message - 1)] = '\0';
  return status;
}

inline void note_thread(const fusor_backend_stream* stream) {
  if (reinterpret_cast<const Stream*>(stream)->thread != std::this_thread::get_id()) ++state().wrong_threads;
}

inline int64_t element_size(int32_t dtype) {
  constexpr int64_t sizes[] = {4, 2, 2, 4, 8, 1};
  return sizes[dtype];
}

inline int64_t count(const fusor_buffer& buffer) {
  int64_t elements = 1;
  for (int32_t i = 0; i < buffer.rank; ++i) elements *= buffer.sizes[i];
  return elements;
}

// Where the element with this row-major number lies.
inline char* element(const fusor_buffer& buffer, int64_t number) {
  int64_t index[FUSOR_MAX_RANK] = {};
  for (int32_t i = buffer.rank - 1; i >= 0; --i) {
    index[i] = number % buffer.sizes[i];
    number /= buffer.sizes[i];
  }
  int64_t offset = 0;
  if (buffer.layout == FUSOR_LAYOUT_BLOCKED) {
    const int64_t blocks = (buffer.sizes[1] + buffer.block - 1) / buffer.block;
    const int64_t rows = buffer.sizes[2] + buffer.halo[0] + buffer.halo[1];
    const int64_t columns = buffer.sizes[3] + buffer.halo[2] + buffer.halo[3];
    const int64_t y = index[2] + buffer.halo[0], x = index[3] + buffer.halo[2];
    offset = (((index[0] * blocks + index[1] / buffer.block) * rows + y) * columns + x) * buffer.block +
             index[1] % buffer.block;
  } else {
    for (int32_t i = 0; i < buffer.rank; ++i) offset += index[i] * buffer.strides[i];
  }
  return static_cast<char*>(buffer.data) + buffer.byte_offset + offset * element_size(buffer.dtype);
}

inline float& f32(const fusor_buffer& buffer, int64_t number) {
  return *reinterpret_cast<float*>(element(buffer, number));
}

// The element of `buffer` that broadcasts to element `number` of a tensor with `sizes`.
inline float broadcast(const fusor_buffer& buffer, const fusor_buffer& like, int64_t number) {
  int64_t source = 0, step = 1;
  for (int32_t i = like.rank - 1; i >= 0; --i) {
    const int64_t at = number % like.sizes[i];
    number /= like.sizes[i];
    const int32_t own = i - (like.rank - buffer.rank);
    if (own < 0) continue;
    if (buffer.sizes[own] != 1) source += at * step;
    step *= buffer.sizes[own];
  }
  return f32(buffer, source);
}

inline fusor_status compute(const fusor_op_call& call) {
  const fusor_buffer& output = *call.outputs[0];
  switch (call.op) {
    case FUSOR_OP_BINARY: {
      const int32_t function = static_cast<const fusor_binary_attributes*>(call.attributes)->function;
      for (int64_t i = 0; i < count(output); ++i) {
        const float a = broadcast(*call.inputs[0], output, i), b = broadcast(*call.inputs[1], output, i);
        f32(output, i) = function == FUSOR_BINARY_ADD ? a + b : a * b;
      }
      return FUSOR_OK;
    }
    case FUSOR_OP_UNARY: {
      const int32_t function = static_cast<const fusor_unary_attributes*>(call.attributes)->function;
      for (int64_t i = 0; i < count(output); ++i) {
        const float x = f32(*call.inputs[0], i);
        f32(output, i) = function == FUSOR_UNARY_NEG ? -x : (x < 0 ? 0 : x);
      }
      return FUSOR_OK;
    }
    case FUSOR_OP_FILL: {
      const double value = static_cast<const fusor_fill_attributes*>(call.attributes)->value;
      for (int64_t i = 0; i < count(output); ++i) {
        if (output.dtype == FUSOR_F32) f32(output, i) = static_cast<float>(value);
        if (output.dtype == FUSOR_U8) *element(output, i) = static_cast<char>(value);
        if (output.dtype == FUSOR_I64) {
          const auto integer = static_cast<int64_t>(value);
          std::memcpy(element(output, i), &integer, sizeof integer);
        }
      }
      return FUSOR_OK;
    }
    case FUSOR_OP_CONCAT: {  // along dimension 0
      int64_t at = 0;
      for (int32_t k = 0; k < call.input_count; ++k) {
        for (int64_t i = 0; i < count(*call.inputs[k]); ++i) f32(output, at++) = f32(*call.inputs[k], i);
      }
      return FUSOR_OK;
    }
    default:
      return fail(FUSOR_ERROR_UNSUPPORTED, "the fake backend has no such op");
  }
}

// ---- the functions of the ABI ----

inline const char* last_error() {
  return last_message;
}
inline int32_t device_count(const char** reason) {
  *reason = "";
  return kDevices;
}
inline fusor_status device_properties(int32_t, fusor_device_properties* properties) {
  std::strcpy(properties->name, "Fake");
  std::strcpy(properties->instruction_set, "none");
  properties->memory_bytes = 1 << 20;
  properties->compute_units = 1;
  return FUSOR_OK;
}
inline int32_t get_threads() {
  return 0;
}
inline fusor_status set_threads(int32_t) {
  return FUSOR_OK;
}

inline fusor_status allocate(int32_t, int64_t bytes, void** pointer) {
  State& s = state();
  int failing = s.failing_allocations.load();
  while (failing > 0 && !s.failing_allocations.compare_exchange_weak(failing, failing - 1)) {
  }
  if (failing > 0) return fail(FUSOR_ERROR_OUT_OF_MEMORY, "the fake device is full");
  *pointer = ::operator new (static_cast<size_t>(bytes), std::align_val_t{64});
  std::memset(*pointer, 0xFF, static_cast<size_t>(bytes));  // NaN as f32
  s.live_bytes += bytes;
  ++s.live_blocks;
  ++s.allocations;
  return FUSOR_OK;
}
inline void release(int32_t, void* pointer, int64_t bytes) {
  std::memset(pointer, 0xFE, static_cast<size_t>(bytes));
  ::operator delete (pointer, std::align_val_t{64});
  state().live_bytes -= bytes;
  --state().live_blocks;
}
inline fusor_status allocate_arena(int32_t device, int64_t bytes, void** pointer) {
  const fusor_status status = allocate(device, bytes, pointer);
  if (status != FUSOR_OK) return status;
  std::memset(*pointer, 0, static_cast<size_t>(bytes));
  ++state().live_arenas;
  return FUSOR_OK;
}
inline void release_arena(int32_t device, void* pointer, int64_t bytes) {
  release(device, pointer, bytes);
  --state().live_arenas;
}

inline fusor_status stream_create(int32_t device, fusor_backend_stream** stream) {
  if (state().failing_streams > 0) {
    --state().failing_streams;
    return fail(FUSOR_ERROR_DEVICE, "the fake device takes no more streams");
  }
  auto created = std::make_unique<Stream>();
  created->thread = std::this_thread::get_id();
  created->device = device;
  ++state().live_streams;
  *stream = reinterpret_cast<fusor_backend_stream*>(created.release());
  return FUSOR_OK;
}
inline void stream_destroy(fusor_backend_stream* stream) {
  note_thread(stream);
  --state().live_streams;
  const std::unique_ptr<Stream> owned(own(stream));
}
// Everything is done when it is given; what could go wrong later shows when somebody waits.
inline fusor_status wait(fusor_backend_stream* stream) {
  note_thread(stream);
  std::function<void()> at_synchronize;
  {
    const std::lock_guard lock(state().mutex);
    at_synchronize = state().at_synchronize;
  }
  if (at_synchronize) at_synchronize();
  if (state().late_failure.exchange(false)) return fail(FUSOR_ERROR_DEVICE_LOST, "the fake device fell off");
  return FUSOR_OK;
}
inline fusor_status stream_synchronize(fusor_backend_stream* stream) {
  ++state().synchronizations;
  return wait(stream);
}
inline fusor_status stream_mark(fusor_backend_stream* stream) {
  note_thread(stream);
  ++own(stream)->marks;
  return FUSOR_OK;
}
inline fusor_status stream_wait(fusor_backend_stream* stream) {
  if (--own(stream)->marks < 0) return fail(FUSOR_ERROR_INTERNAL, "there is no mark to wait for");
  return wait(stream);
}
inline fusor_status copy(fusor_backend_stream* stream, void* to, const void* from, int64_t bytes) {
  note_thread(stream);
  if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
  return FUSOR_OK;
}
inline fusor_status upload(fusor_backend_stream* stream, void* to, const void* from, int64_t bytes) {
  ++state().uploads;
  return copy(stream, to, from, bytes);
}

inline fusor_status prepare_op(fusor_backend_stream* stream, const fusor_op_call* call) {
  note_thread(stream);
  if (call->op != FUSOR_OP_BINARY && call->op != FUSOR_OP_UNARY && call->op != FUSOR_OP_FILL &&
      call->op != FUSOR_OP_CONCAT) {
    return fail(FUSOR_ERROR_UNSUPPORTED, "the fake backend has no such op");
  }
  fusor_buffer& output = *call->outputs[0];
  if (output.rank != 4 || output.dtype != FUSOR_F32) return FUSOR_OK;
  const int64_t c = output.sizes[1], h = output.sizes[2], w = output.sizes[3];
  if (state().layout == OutputLayout::kBlocked) {
    output.layout = FUSOR_LAYOUT_BLOCKED;
    output.block = 8;
    for (int32_t& side : output.halo) side = 1;
    output.byte_size = output.sizes[0] * ((c + 7) / 8) * (h + 2) * (w + 2) * 8 * 4;
  } else if (state().layout == OutputLayout::kChannelsLast) {
    const int64_t strides[4] = {c * h * w, 1, w * c, c};
    std::copy_n(strides, 4, output.strides);
  }
  return FUSOR_OK;
}
// Of what it cannot do it knows early only that it computes in f32.
inline fusor_status supports(const fusor_op_call* call) {
  if (call->op != FUSOR_OP_BINARY && call->op != FUSOR_OP_UNARY) return FUSOR_OK;
  if (call->inputs[0]->dtype == FUSOR_F32) return FUSOR_OK;
  return fail(FUSOR_ERROR_DTYPE, "the fake backend computes in f32");
}
inline fusor_status run_op(fusor_backend_stream* stream, const fusor_op_call* call) {
  note_thread(stream);
  State& s = state();
  s.pass_gate();
  ++s.ops;
  {
    const std::lock_guard lock(s.mutex);
    for (int32_t i = 0; i < call->input_count; ++i) {
      if (call->inputs[i] == nullptr) continue;
      s.seen_identities.push_back(call->inputs[i]->identity);
      s.seen_versions.push_back(call->inputs[i]->version);
    }
  }
  if (s.failing_op == call->op) {
    s.failing_op = -1;
    return fail(static_cast<fusor_status>(s.failing_status.load()), "the fake op failed");
  }
  for (int32_t i = 0; i < call->output_count; ++i) {
    if (call->outputs[i]->layout == FUSOR_LAYOUT_BLOCKED) {
      std::memset(call->outputs[i]->data, 0, static_cast<size_t>(call->outputs[i]->byte_size));
    }
  }
  return compute(*call);
}
inline fusor_status convert_layout(fusor_backend_stream* stream, const fusor_buffer* source,
                                   const fusor_buffer* destination) {
  note_thread(stream);
  ++state().conversions;
  for (int64_t i = 0; i < count(*source); ++i) {
    std::memcpy(element(*destination, i), element(*source, i),
                static_cast<size_t>(element_size(source->dtype)));
  }
  return FUSOR_OK;
}
inline void forget(uint64_t identity) {
  const std::lock_guard lock(state().mutex);
  state().forgotten.insert(identity);
}

// One step per node. Every value that is neither input nor constant lies in a plan buffer; a last step per
// output copies it out.
struct Plan {
  struct Value {
    fusor_buffer buffer{};
    std::vector<char> constant;
    int32_t input = -1;  // number among the inputs
    int32_t plan_buffer = -1;
  };
  struct Step {
    std::string name, op;
    int32_t number = 0;  // fusor_op, or -1 to copy an output
    std::vector<char> attributes;
    std::vector<int32_t> inputs, outputs;
  };
  std::vector<Value> values;
  std::vector<Step> steps;
  std::vector<fusor_plan_buffer> buffers;
  std::vector<int32_t> graph_outputs;
};
inline Plan* own(fusor_backend_plan* plan) {
  return reinterpret_cast<Plan*>(plan);
}
inline const Plan* own(const fusor_backend_plan* plan) {
  return reinterpret_cast<const Plan*>(plan);
}

inline fusor_status plan_build(fusor_backend_stream* stream, const fusor_graph* graph,
                               const fusor_plan_options*, fusor_backend_plan** result) {
  note_thread(stream);
  auto plan = std::make_unique<Plan>();
  plan->values.resize(static_cast<size_t>(graph->value_count));
  for (int32_t i = 0; i < graph->value_count; ++i) {
    const fusor_graph_value& from = graph->values[i];
    auto& value = plan->values[static_cast<size_t>(i)];
    value.buffer.dtype = from.dtype;
    value.buffer.rank = from.rank;
    std::copy_n(from.sizes, FUSOR_MAX_RANK, value.buffer.sizes);
    int64_t stride = 1;
    for (int32_t k = from.rank - 1; k >= 0; --k) {
      value.buffer.strides[k] = stride;
      stride *= from.sizes[k];
    }
    value.buffer.byte_size = count(value.buffer) * element_size(from.dtype);
    if (from.constant != nullptr) {
      value.constant.resize(static_cast<size_t>(value.buffer.byte_size));
      value.buffer.data = value.constant.data();
      for (int64_t k = 0; k < count(value.buffer); ++k) {
        std::memcpy(element(value.buffer, k), element(*from.constant, k),
                    static_cast<size_t>(element_size(from.dtype)));
      }
      if (state().releases) {
        graph->release_constant(graph->release_context, i);
        if (from.constant->data != nullptr) return fail(FUSOR_ERROR_INTERNAL, "a released constant is there");
        state().live_bytes_of_build = state().live_bytes.load();
      }
    }
  }
  for (int32_t i = 0; i < graph->input_count; ++i)
    plan->values[static_cast<size_t>(graph->inputs[i])].input = i;
  for (int32_t i = 0; i < graph->node_count; ++i) {
    const fusor_graph_node& node = graph->nodes[i];
    if (node.op != FUSOR_OP_BINARY && node.op != FUSOR_OP_UNARY) {
      return fail(FUSOR_ERROR_UNSUPPORTED, std::string("the fake backend cannot plan ") + node.name);
    }
    Plan::Step step;
    step.name = node.name;
    step.op = "fake op";
    step.number = node.op;
    const auto* bytes = static_cast<const char*>(node.attributes);
    uint32_t size = 0;
    std::memcpy(&size, bytes, sizeof size);
    step.attributes.assign(bytes, bytes + size);
    step.inputs.assign(node.inputs, node.inputs + node.input_count);
    step.outputs.assign(node.outputs, node.outputs + node.output_count);
    plan->steps.push_back(step);
  }
  plan->graph_outputs.assign(graph->outputs, graph->outputs + graph->output_count);
  for (int32_t i = 0; i < graph->output_count; ++i) {
    Plan::Step step;
    step.name = "output " + std::to_string(i);
    step.op = "copy";
    step.number = -1;
    step.inputs = {graph->outputs[i]};
    step.outputs = {i};
    plan->steps.push_back(step);
  }
  for (size_t s = 0; s < plan->steps.size(); ++s) {
    if (plan->steps[s].number < 0) continue;
    for (const int32_t id : plan->steps[s].outputs) {
      auto& value = plan->values[static_cast<size_t>(id)];
      value.plan_buffer = static_cast<int32_t>(plan->buffers.size());
      fusor_plan_buffer buffer{};
      buffer.bytes = value.buffer.byte_size;
      buffer.alignment = 64;
      buffer.first_step = buffer.last_step = static_cast<int32_t>(s);
      for (size_t later = s; later < plan->steps.size(); ++later) {
        for (const int32_t input : plan->steps[later].inputs) {
          if (input == id) buffer.last_step = static_cast<int32_t>(later);
        }
      }
      plan->buffers.push_back(buffer);
    }
  }
  ++state().live_plans;
  *result = reinterpret_cast<fusor_backend_plan*>(plan.release());
  return FUSOR_OK;
}
inline void plan_destroy(fusor_backend_plan* plan) {
  --state().live_plans;
  const std::unique_ptr<Plan> owned(own(plan));
}
inline fusor_status plan_info(const fusor_backend_plan* plan, fusor_plan_info* info) {
  info->step_count = static_cast<int32_t>(own(plan)->steps.size());
  info->buffer_count = static_cast<int32_t>(own(plan)->buffers.size());
  info->packed_bytes = 0;
  for (const auto& value : own(plan)->values)
    info->packed_bytes += static_cast<int64_t>(value.constant.size());
  return FUSOR_OK;
}
inline fusor_status plan_buffer(const fusor_backend_plan* plan, int32_t index, fusor_plan_buffer* buffer) {
  *buffer = own(plan)->buffers[static_cast<size_t>(index)];
  return FUSOR_OK;
}
inline fusor_status plan_step(const fusor_backend_plan* plan, int32_t index, fusor_plan_step* step) {
  const auto& from = own(plan)->steps[static_cast<size_t>(index)];
  step->name = from.name.c_str();
  step->op = from.op.c_str();
  step->algorithm = "loop (fake)";
  step->instruction_set = "none";
  step->flops = 1000 + index;
  step->bytes = 2000 + index;
  return FUSOR_OK;
}
inline fusor_status run_step(fusor_backend_plan* plan, int32_t index, const fusor_plan_memory* memory) {
  State& s = state();
  s.pass_gate();
  ++s.steps;
  std::function<void(int)> at_step;
  {
    const std::lock_guard lock(s.mutex);
    at_step = s.at_step;
  }
  if (at_step) at_step(index);
  if (s.failing_step == index) {
    s.failing_step = -1;
    return fail(FUSOR_ERROR_INTERNAL, "the fake step failed");
  }
  const auto located = [&](int32_t id) {
    const auto& value = own(plan)->values[static_cast<size_t>(id)];
    fusor_buffer buffer = value.buffer;
    if (value.input >= 0) buffer.data = const_cast<void*>(memory->inputs[value.input]);
    if (value.plan_buffer >= 0) buffer.data = memory->buffers[value.plan_buffer];
    return buffer;
  };
  const auto& step = own(plan)->steps[static_cast<size_t>(index)];
  if (step.number < 0) {
    const fusor_buffer from = located(step.inputs[0]);
    std::memcpy(memory->outputs[step.outputs[0]], from.data, static_cast<size_t>(from.byte_size));
    return FUSOR_OK;
  }
  std::vector<fusor_buffer> inputs;
  std::vector<const fusor_buffer*> input_pointers;
  for (const int32_t id : step.inputs) inputs.push_back(located(id));
  for (const fusor_buffer& input : inputs) input_pointers.push_back(&input);
  fusor_buffer output = located(step.outputs[0]);
  fusor_buffer* output_pointer = &output;
  fusor_op_call call{sizeof call,
                     step.number,
                     step.attributes.data(),
                     input_pointers.data(),
                     static_cast<int32_t>(inputs.size()),
                     &output_pointer,
                     1};
  return compute(call);
}
inline fusor_status plan_begin(fusor_backend_plan* plan, fusor_backend_stream* stream,
                               const fusor_plan_memory* memory, int32_t* replayed) {
  note_thread(stream);
  State& s = state();
  const int64_t now = ++s.runs_at_once;
  int64_t most = s.most_runs_at_once.load();
  while (now > most && !s.most_runs_at_once.compare_exchange_weak(most, now)) {
  }
  *replayed = s.replays ? 1 : 0;
  for (int32_t i = 0; s.replays && i < static_cast<int32_t>(own(plan)->steps.size()); ++i) {
    const fusor_status status = run_step(plan, i, memory);
    if (status != FUSOR_OK) {
      --s.runs_at_once;
      return status;
    }
  }
  return FUSOR_OK;
}
inline fusor_status plan_run_step(fusor_backend_plan* plan, fusor_backend_stream* stream, int32_t step,
                                  const fusor_plan_memory* memory) {
  note_thread(stream);
  return run_step(plan, step, memory);
}
inline fusor_status plan_end(fusor_backend_plan*, fusor_backend_stream* stream) {
  note_thread(stream);
  --state().runs_at_once;
  return FUSOR_OK;
}
inline fusor_status measure_peak(fusor_backend_stream* stream, int32_t threads, double* gflops) {
  note_thread(stream);
  *gflops = 42.0 + threads;
  return FUSOR_OK;
}

// What is released is gone at once: the "cache" is a number for tests to see emptied.
inline fusor_status memory_info(int32_t, fusor_backend_memory* info) {
  info->used_bytes = state().live_bytes;
  info->reserved_bytes = state().live_bytes + state().cached_bytes;
  info->limit_bytes = state().limit_bytes;
  return FUSOR_OK;
}
inline fusor_status empty_cache(int32_t) {
  state().cached_bytes = 0;
  return FUSOR_OK;
}
inline fusor_status limit_memory(int32_t, int64_t bytes) {
  state().limit_bytes = bytes;
  return FUSOR_OK;
}

inline const fusor_backend& backend() {
  static const fusor_backend instance = {sizeof(fusor_backend),
                                         FUSOR_BACKEND_ABI_VERSION,
                                         "fake",
                                         "for tests",
                                         last_error,
                                         device_count,
                                         device_properties,
                                         get_threads,
                                         set_threads,
                                         allocate,
                                         release,
                                         allocate_arena,
                                         release_arena,
                                         stream_create,
                                         stream_destroy,
                                         stream_synchronize,
                                         upload,
                                         copy,
                                         prepare_op,
                                         run_op,
                                         convert_layout,
                                         forget,
                                         plan_build,
                                         plan_destroy,
                                         plan_info,
                                         plan_buffer,
                                         plan_step,
                                         plan_begin,
                                         plan_run_step,
                                         plan_end,
                                         measure_peak,
                                         supports,
                                         memory_info,
                                         empty_cache,
                                         limit_memory,
                                         nullptr,
                                         stream_mark,
                                         stream_wait};
  return instance;
}

}  // namespace fake
