// Plans: from a graph in numbers to something that runs.
#include <deque>
#include <string>
#include <vector>

#include "binding/arguments.h"
#include "binding/encoding.h"
#include "binding/environment.h"
#include "binding/failure.h"
#include "binding/functions.h"
#include "binding/handles.h"

namespace fusor::binding {
namespace {

// A fusor_plan_graph and everything it points to. Read from, in this order: values (count; each dtype,
// sizes), nodes (count; each op, inputs, outputs, attributes), inputs and outputs of the graph (lists of
// value ids).
class Graph {
 public:
  Graph(const Environment& environment, Reader reader, napi_value constants, napi_value names) {
    const napi_env env = environment.env();
    values_.resize(reader.count());
    if (array_length(env, constants, "constants") != values_.size()) {
      fail(FUSOR_ERROR_ARGUMENT, "constants must have one entry per value");
    }
    for (size_t i = 0; i < values_.size(); ++i) {
      fusor_plan_value& value = values_[i];
      value.struct_size = sizeof value;
      value.dtype = reader.int32();
      value.rank = reader.sizes(value.sizes);
      const Napi::Value constant(env, array_element(env, constants, static_cast<uint32_t>(i)));
      if (!constant.IsNull()) value.constant = tensor_of(environment, constant, "constant");
    }

    nodes_.resize(reader.count());
    if (array_length(env, names, "names") != nodes_.size()) {
      fail(FUSOR_ERROR_ARGUMENT, "names must have one entry per node");
    }
    for (size_t i = 0; i < nodes_.size(); ++i) {
      fusor_plan_node& node = nodes_[i];
      node.struct_size = sizeof node;
      node.op = reader.int32();
      const std::vector<int32_t>& inputs = ids(reader);
      node.inputs = inputs.data();
      node.input_count = static_cast<int32_t>(inputs.size());
      const std::vector<int32_t>& outputs = ids(reader);
      node.outputs = outputs.data();
      node.output_count = static_cast<int32_t>(outputs.size());
      const fusor_op_schema* const schema = fusor_op_get_schema(node.op);
      if (schema == nullptr) fail(FUSOR_ERROR_ARGUMENT, "there is no op " + std::to_string(node.op));
      node.attributes = attributes_.emplace_back(*schema, reader).data();
      node.name =
          names_
              .emplace_back(string_argument(env, array_element(env, names, static_cast<uint32_t>(i)), "name"))
              .c_str();
    }

    const std::vector<int32_t>& inputs = ids(reader);
    const std::vector<int32_t>& outputs = ids(reader);
    graph_ = {sizeof graph_,
              values_.data(),
              static_cast<int32_t>(values_.size()),
              nodes_.data(),
              static_cast<int32_t>(nodes_.size()),
              inputs.data(),
              static_cast<int32_t>(inputs.size()),
              outputs.data(),
              static_cast<int32_t>(outputs.size())};
  }

  const fusor_plan_graph& get() const { return graph_; }

 private:
  const std::vector<int32_t>& ids(Reader& reader) {
    std::vector<int32_t>& list = ids_.emplace_back(reader.count());
    for (int32_t& id : list) id = reader.int32();
    return list;
  }

  // Deques keep what they hold in place while they grow.
  std::vector<fusor_plan_value> values_;
  std::vector<fusor_plan_node> nodes_;
  std::deque<std::vector<int32_t>> ids_;
  std::deque<Attributes> attributes_;
  std::deque<std::string> names_;
  fusor_plan_graph graph_{};
};

std::vector<fusor_tensor*> tensors_argument(const Environment& environment, napi_value list) {
  std::vector<fusor_tensor*> tensors(array_length(environment.env(), list, "inputs"));
  for (size_t i = 0; i < tensors.size(); ++i) {
    tensors[i] =
        tensor_of(environment, array_element(environment.env(), list, static_cast<uint32_t>(i)), "input");
  }
  return tensors;
}

}  // namespace

Napi::Value build_plan(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(info);
  const int32_t device = int32_argument(env, info[0], "device");
  Reader reader(float64_array(env, info[1], "graph"));
  fusor_plan_build_options options{};
  options.struct_size = sizeof options;
  options.threads = reader.int32();
  options.tune = reader.int32();
  options.winograd = reader.int32();
  options.deterministic = reader.int32();
  options.precision = reader.int32();
  options.chains = reader.int32();
  const Graph graph(environment, reader, info[2], info[3]);
  const std::string cache_directory = string_argument(env, info[5], "cacheDirectory");
  options.cache_directory = cache_directory.c_str();
  fusor_environment* const engine = environment.engine();
  environment.jobs().start(
      std::make_unique<Job>(environment, number_argument(env, info[4], "job")), [&](Job& job) {
        check(fusor_plan_build(engine, device, &graph.get(), &options, Jobs::plan_finished, &job));
      });
  return env.Undefined();
}

Napi::Value run_plan(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(info);
  fusor_plan* const plan = plan_of(environment, info[0]);
  const std::vector<fusor_tensor*> inputs = tensors_argument(environment, info[1]);
  std::vector<fusor_tensor*> outputs(
      static_cast<size_t>(integer_argument(env, info[2], "outputs", 0, 1 << 20)));
  std::vector<TensorReference> references(outputs.size());
  fusor_environment* const engine = environment.engine();
  environment.jobs().start(
      std::make_unique<Job>(environment, number_argument(env, info[3], "job")), [&](Job& job) {
        check(fusor_plan_run(engine, plan, inputs.data(), static_cast<int32_t>(inputs.size()), outputs.data(),
                             static_cast<int32_t>(outputs.size()), Jobs::finished, &job));
      });
  for (size_t i = 0; i < outputs.size(); ++i) references[i].reset(outputs[i]);
  auto result = Napi::Array::New(env, references.size());
  for (size_t i = 0; i < references.size(); ++i) {
    result.Set(static_cast<uint32_t>(i), Handle::wrap(environment, std::move(references[i])));
  }
  return result;
}

Napi::Value profile_plan(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::of(info);
  fusor_plan* const plan = plan_of(environment, info[0]);
  const std::vector<fusor_tensor*> inputs = tensors_argument(environment, info[1]);
  const auto repeats = static_cast<int32_t>(integer_argument(env, info[2], "repeats", 1, 1 << 20));
  const std::span<double> seconds = float64_array(env, info[3], "seconds");
  fusor_plan_summary summary{};
  summary.struct_size = sizeof summary;
  check(fusor_plan_get_summary(plan, &summary));
  if (seconds.size() != static_cast<size_t>(summary.step_count)) {
    fail(FUSOR_ERROR_ARGUMENT, "seconds must have one entry per step");
  }
  fusor_environment* const engine = environment.engine();
  auto job = std::make_unique<Job>(environment, number_argument(env, info[4], "job"));
  job->destination = Napi::Persistent(info[3].As<Napi::Object>());
  environment.jobs().start(std::move(job), [&](Job& started) {
    check(fusor_plan_profile(engine, plan, inputs.data(), static_cast<int32_t>(inputs.size()), repeats,
                             seconds.data(), Jobs::finished, &started));
  });
  return env.Undefined();
}

Napi::Value plan_summary(const Napi::CallbackInfo& info) {
  fusor_plan_summary summary{};
  summary.struct_size = sizeof summary;
  check(fusor_plan_get_summary(plan_of(Environment::of(info), info[0]), &summary));
  auto result = Napi::Array::New(info.Env(), 3);
  result.Set(0u, summary.step_count);
  result.Set(1u, static_cast<double>(summary.arena_bytes));
  result.Set(2u, static_cast<double>(summary.packed_bytes));
  return result;
}

Napi::Value plan_step(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  fusor_step_info step{};
  step.struct_size = sizeof step;
  check(fusor_plan_get_step(plan_of(Environment::of(info), info[0]), int32_argument(env, info[1], "step"),
                            &step));
  auto result = Napi::Array::New(env, 6);
  result.Set(0u, step.name);
  result.Set(1u, step.op);
  result.Set(2u, step.algorithm);
  result.Set(3u, step.instruction_set);
  result.Set(4u, static_cast<double>(step.flops));
  result.Set(5u, static_cast<double>(step.bytes));
  return result;
}

Napi::Value release_plan(const Napi::CallbackInfo& info) {
  Handle::of(Environment::of(info), info[0], "plan").dispose();
  return info.Env().Undefined();
}

}  // namespace fusor::binding
