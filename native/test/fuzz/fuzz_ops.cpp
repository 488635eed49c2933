// Calls of any op with any attributes on tensors that earlier calls gave. What fusor_op_infer says is what
// fusor_op_run does: it refuses the same calls, and its outputs have that shape. Accepted calls run to their
// end; nothing is left.
#include "fuzz/session.h"

namespace {

constexpr size_t kMostTensors = 12;

struct Tensors {
  ~Tensors() {
    for (fusor_tensor* tensor : list) fusor_tensor_release(tensor);
  }
  void add(fusor_tensor* tensor) {
    if (tensor == nullptr) return;
    if (list.size() == kMostTensors) {
      fusor_tensor_release(list.front());
      list.erase(list.begin());
    }
    list.push_back(tensor);
  }
  std::vector<fusor_tensor*> list;
};

void call(fuzz::Input& input, Tensors& tensors) {
  const int32_t op = input.one_in(64) ? static_cast<int32_t>(input.number()) : input.pick(FUSOR_OP_COUNT);
  const fusor_op_schema* const schema = fusor_op_get_schema(op);
  const fuzz::Attributes attributes(op, input);
  int32_t count = 0, outputs = 0;
  if (schema != nullptr) {
    count = input.one_in(32) ? input.pick(8) : schema->min_inputs;
    if (schema->max_inputs > schema->min_inputs) count += input.pick(3);
    outputs = input.one_in(64) ? input.pick(FUSOR_MAX_OUTPUTS + 1) : schema->outputs;
  }
  std::vector<fusor_tensor*> inputs;
  std::vector<fusor_tensor_info> infos;
  infos.reserve(16);
  std::vector<const fusor_tensor_info*> info_pointers;
  for (int32_t i = 0; i < count; ++i) {
    if (tensors.list.empty() || input.one_in(16)) {
      inputs.push_back(nullptr);
      info_pointers.push_back(nullptr);
      continue;
    }
    inputs.push_back(tensors.list[static_cast<size_t>(input.pick(static_cast<int>(tensors.list.size())))]);
    infos.push_back(fuzz::info_of(inputs.back()));
    info_pointers.push_back(&infos.back());
  }
  fusor_tensor_info results[FUSOR_MAX_OUTPUTS] = {};
  for (fusor_tensor_info& result : results) result.struct_size = sizeof result;
  const fusor_status inferred =
      fusor_op_infer(op, attributes.block(), info_pointers.data(), count, results, outputs);
  if (inferred == FUSOR_OK) {
    for (int32_t i = 0; i < outputs; ++i) {
      if (fuzz::elements(results[i]) > fuzz::kMostElements) return;
    }
  }
  fusor_tensor* made[FUSOR_MAX_OUTPUTS] = {};
  const fusor_status ran = fusor_op_run(fuzz::environment(), 0, op, attributes.block(), inputs.data(), count,
                                        made, outputs, nullptr);
  // Running also looks at what inference cannot see, such as whether views overlap.
  if (inferred != FUSOR_OK) FUZZ_CHECK(ran != FUSOR_OK);
  for (int32_t i = 0; i < outputs; ++i) {
    FUZZ_CHECK((made[i] != nullptr) == (ran == FUSOR_OK));
    if (made[i] == nullptr) continue;
    const fusor_tensor_info info = fuzz::info_of(made[i]);
    FUZZ_CHECK(info.dtype == results[i].dtype && info.rank == results[i].rank);
    for (int32_t d = 0; d < info.rank; ++d) FUZZ_CHECK(info.sizes[d] == results[i].sizes[d]);
    fuzz::read(made[i]);
    tensors.add(made[i]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::environment();
  const fusor_memory_info before = fuzz::memory();
  {
    fuzz::Input input(data, size);
    Tensors tensors;
    const int given = 1 + input.pick(4);
    for (int i = 0; i < given; ++i) tensors.add(fuzz::make_tensor(input));
    for (int i = 0; i < 6 && !input.empty(); ++i) call(input, tensors);
  }
  fuzz::synchronize();
  const fusor_memory_info after = fuzz::memory();
  FUZZ_CHECK(after.tensors == before.tensors && after.bytes == before.bytes);
  return 0;
}
