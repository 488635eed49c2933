// Graphs for fusor_plan_build: nodes on values whose shapes follow from the op's rules, with lies sprinkled
// in (indices that are nobody's, other shapes, dtypes, ranks). What is accepted runs twice with the same
// bits; nothing is left.
#include <algorithm>
#include <cstring>

#include "fuzz/session.h"

namespace {

constexpr int32_t kMostValues = 24;

struct Graph {
  ~Graph() {
    for (const fusor_plan_value& value : values) fusor_tensor_release(value.constant);
  }
  std::vector<fusor_plan_value> values;
  std::vector<fuzz::Attributes> attributes;
  std::vector<std::vector<int32_t>> indices;  // of nodes: inputs, outputs, inputs, ...
  std::vector<fusor_plan_node> nodes;
  std::vector<int32_t> inputs, outputs;
};

fusor_plan_value value_of(const fusor_tensor_info& info) {
  fusor_plan_value value{};
  value.struct_size = sizeof value;
  value.dtype = info.dtype;
  value.rank = info.rank;
  std::memcpy(value.sizes, info.sizes, sizeof value.sizes);
  return value;
}

// An index of a value; now and then of none.
int32_t any_value(const Graph& graph, fuzz::Input& input) {
  if (graph.values.empty() || input.one_in(64)) return static_cast<int32_t>(input.number());
  return input.pick(static_cast<int>(graph.values.size()));
}

void lie(fusor_plan_value& value, fuzz::Input& input) {
  switch (input.pick(4)) {
    case 0:
      value.dtype = static_cast<int32_t>(input.number());
      break;
    case 1:
      value.rank = static_cast<int32_t>(input.number());
      break;
    case 2:
      value.sizes[input.pick(FUSOR_MAX_RANK)] = input.number();
      break;
    default:
      value.struct_size = static_cast<uint32_t>(input.pick(static_cast<int>(sizeof value)));
  }
}

// False where the rest of the graph would be too large to run.
bool add_node(Graph& graph, fuzz::Input& input) {
  const int32_t op = input.one_in(64) ? static_cast<int32_t>(input.number()) : input.pick(FUSOR_OP_COUNT);
  const fusor_op_schema* const schema = fusor_op_get_schema(op);
  int32_t count = schema == nullptr ? 1 : schema->min_inputs;
  if (schema != nullptr && schema->max_inputs > schema->min_inputs) count += input.pick(3);
  graph.attributes.emplace_back(op, input);
  const void* const attributes = graph.attributes.back().block();
  std::vector<int32_t> inputs;
  std::vector<fusor_tensor_info> infos(static_cast<size_t>(count));
  std::vector<const fusor_tensor_info*> pointers;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t index = input.one_in(16) ? -1 : any_value(graph, input);
    inputs.push_back(index);
    fusor_tensor_info& info = infos[static_cast<size_t>(i)];
    const bool known = index >= 0 && index < static_cast<int32_t>(graph.values.size());
    if (known) {
      const fusor_plan_value& value = graph.values[static_cast<size_t>(index)];
      info.struct_size = sizeof info;
      info.dtype = value.dtype;
      info.rank = value.rank;
      std::memcpy(info.sizes, value.sizes, sizeof info.sizes);
    }
    pointers.push_back(known ? &info : nullptr);
  }
  const int32_t output_count = schema == nullptr ? 1 : schema->outputs;
  fusor_tensor_info results[FUSOR_MAX_OUTPUTS] = {};
  for (fusor_tensor_info& result : results) result.struct_size = sizeof result;
  const fusor_status status = fusor_op_infer(op, attributes, pointers.data(), count, results, output_count);
  std::vector<int32_t> outputs;
  for (int32_t i = 0; i < output_count; ++i) {
    if (status == FUSOR_OK && fuzz::elements(results[i]) > fuzz::kMostElements) return false;
    outputs.push_back(input.one_in(64) ? any_value(graph, input) : static_cast<int32_t>(graph.values.size()));
    graph.values.push_back(value_of(results[i]));
    if (input.one_in(64)) lie(graph.values.back(), input);
  }
  graph.indices.push_back(std::move(inputs));
  graph.indices.push_back(std::move(outputs));
  const auto& in = graph.indices[graph.indices.size() - 2];
  const auto& out = graph.indices.back();
  graph.nodes.push_back({sizeof(fusor_plan_node), op, attributes, in.data(), static_cast<int32_t>(in.size()),
                         out.data(), static_cast<int32_t>(out.size()), input.one_in(8) ? nullptr : "node"});
  return true;
}

// True unless a lie made the graph's input another than the tensor that is given for it.
bool is_as_described(const fusor_tensor* tensor, const fusor_plan_value& value) {
  const fusor_plan_value given = value_of(fuzz::info_of(tensor));
  return given.dtype == value.dtype && given.rank == value.rank &&
         std::equal(given.sizes, given.sizes + given.rank, value.sizes);
}

std::vector<std::vector<char>> run(fusor_plan* plan, const Graph& graph,
                                   const std::vector<fusor_tensor*>& inputs) {
  bool fits = true;
  for (size_t i = 0; i < inputs.size(); ++i)
    fits = fits && is_as_described(inputs[i], graph.values[static_cast<size_t>(graph.inputs[i])]);
  std::vector<fusor_tensor*> made(graph.outputs.size());
  fuzz::Report report;
  const fusor_status status = report.wait(
      fusor_plan_run(fuzz::environment(), plan, inputs.data(), static_cast<int32_t>(inputs.size()),
                     made.data(), static_cast<int32_t>(made.size()), fuzz::Report::done, &report));
  std::vector<std::vector<char>> results;
  if (!fits) {
    FUZZ_CHECK(status != FUSOR_OK);
    return results;
  }
  FUZZ_CHECK(report.is_good(status));
  for (fusor_tensor* tensor : made) {
    results.push_back(fuzz::read(tensor));
    fusor_tensor_release(tensor);
  }
  return results;
}

void build_and_run(fuzz::Input& input) {
  Graph graph;
  graph.values.reserve(kMostValues);
  graph.attributes.reserve(kMostValues);
  graph.indices.reserve(2 * kMostValues);
  std::vector<fusor_tensor*> given;
  // Values that come in, as inputs or as constants.
  for (int left = 1 + input.pick(5); left > 0; --left) {
    fusor_tensor* const tensor = fuzz::make_tensor(input);
    if (tensor == nullptr) continue;
    graph.values.push_back(value_of(fuzz::info_of(tensor)));
    if (input.one_in(2)) {
      graph.values.back().constant = tensor;
    } else {
      graph.inputs.push_back(static_cast<int32_t>(graph.values.size()) - 1);
      given.push_back(tensor);
    }
    if (input.one_in(64)) lie(graph.values.back(), input);
  }
  for (int left = 1 + input.pick(5); left > 0; --left) {
    if (!add_node(graph, input)) break;
  }
  for (int left = 1 + input.pick(3); left > 0; --left) {
    graph.outputs.push_back(input.one_in(8) || graph.values.empty()
                                ? any_value(graph, input)
                                : static_cast<int32_t>(graph.values.size()) - 1 - (left - 1) % 2);
  }
  if (input.one_in(32)) graph.inputs.push_back(any_value(graph, input));
  const fusor_plan_graph described{sizeof described,
                                   graph.values.data(),
                                   static_cast<int32_t>(graph.values.size()),
                                   graph.nodes.data(),
                                   static_cast<int32_t>(graph.nodes.size()),
                                   graph.inputs.data(),
                                   static_cast<int32_t>(graph.inputs.size()),
                                   graph.outputs.data(),
                                   static_cast<int32_t>(graph.outputs.size())};
  fuzz::Report built;
  const fusor_status status = built.wait(
      fusor_plan_build(fuzz::environment(), 0, &described, nullptr, fuzz::Report::plan_done, &built));
  FUZZ_CHECK((status == FUSOR_OK) == (built.plan != nullptr));
  if (built.plan != nullptr && given.size() == graph.inputs.size()) {
    const auto first = run(built.plan, graph, given);
    FUZZ_CHECK(run(built.plan, graph, given) == first);
  }
  fusor_plan_release(built.plan);
  for (fusor_tensor* tensor : given) fusor_tensor_release(tensor);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::environment();
  const fusor_memory_info before = fuzz::memory();
  fuzz::Input input(data, size);
  build_and_run(input);
  fuzz::synchronize();
  const fusor_memory_info after = fuzz::memory();
  FUZZ_CHECK(after.tensors == before.tensors && after.bytes == before.bytes);
  FUZZ_CHECK(after.plans == before.plans && after.plan_bytes == before.plan_bytes);
  return 0;
}
