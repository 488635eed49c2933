// C API: plans.
#include <vector>

#include "engine/api.h"
#include "engine/devices.h"
#include "engine/environment.h"
#include "plan/tasks.h"

using namespace fusor;

namespace {

fusor_plan_options checked_options(const fusor_plan_build_options* given) {
  fusor_plan_options options{};
  options.struct_size = sizeof options;
  options.winograd = 1;
  if (given == nullptr) return options;
  const fusor_plan_build_options& known = known_struct(given, "options");
  if (known.threads < 0) fail(FUSOR_ERROR_ARGUMENT, "plan: threads must be at least 0, got ", known.threads);
  if (known.tune != FUSOR_TUNE_TABLE && known.tune != FUSOR_TUNE_MEASURE) {
    fail(FUSOR_ERROR_ARGUMENT, "plan: tune must be 0 (table) or 1 (measure), got ", known.tune);
  }
  options.threads = known.threads;
  options.tune = known.tune;
  options.winograd = known.winograd;
  options.deterministic = known.deterministic;
  options.precision = known.precision;
  options.cache_directory = known.cache_directory;
  if (known.chains < FUSOR_CHAINS_AUTO || known.chains > FUSOR_CHAINS_ALWAYS) {
    fail(FUSOR_ERROR_ARGUMENT, "plan: chains must be 0 (auto), 1 (never) or 2 (always), got ", known.chains);
  }
  options.chains = known.chains;
  return options;
}

// The inputs of one run, if they are what the plan was built for.
std::vector<Ref<Tensor>> checked_inputs(const Plan& plan, Tensor* const* inputs, int32_t count) {
  require_list(inputs, count, "inputs");
  if (static_cast<size_t>(count) != plan.inputs().size()) {
    fail(FUSOR_ERROR_ARGUMENT, "plan: expected ", plan.inputs().size(), " inputs, got ", count);
  }
  std::vector<Ref<Tensor>> result;
  for (int32_t i = 0; i < count; ++i) {
    const TensorType& expected = plan.inputs()[static_cast<size_t>(i)];
    if (inputs[i] == nullptr) fail(FUSOR_ERROR_ARGUMENT, "plan: input ", i, " is missing");
    const Tensor& given = *inputs[i];
    if (given.dtype() != expected.dtype) {
      fail(FUSOR_ERROR_DTYPE, "plan: input ", i, " must be ", type_text(expected), ", got ",
           type_text({given.dtype(), given.shape()}));
    }
    if (!(given.shape() == expected.shape)) {
      fail(FUSOR_ERROR_SHAPE, "plan: input ", i, " must have shape ", expected.shape, ", got ",
           given.shape());
    }
    if (&given.device() != &plan.device()) {
      fail(FUSOR_ERROR_DEVICE, "plan: input ", i, " is on ", given.device().id, " but the plan is for ",
           plan.device().id);
    }
    result.push_back(Ref<Tensor>::share(inputs[i]));
  }
  return result;
}

}  // namespace

fusor_status fusor_plan_build(fusor_environment* environment, int32_t device_number,
                              const fusor_plan_graph* graph, const fusor_plan_build_options* options,
                              fusor_plan_callback callback, void* user_data) {
  return api::guarded([&] {
    required(environment, "environment");
    if (callback == nullptr) fail(FUSOR_ERROR_ARGUMENT, "callback must not be null: the plan arrives there");
    Device& device = usable_device(device_number);
    const fusor_plan_options checked = checked_options(options);
    Graph copy = copy_graph(known_struct(graph, "graph"), device);
    Stream& stream = environment->stream(device);
    stream.push(std::make_unique<BuildTask>(stream, std::move(copy), checked, callback, user_data));
  });
}

fusor_plan* fusor_plan_retain(fusor_plan* plan) {
  return Ref<Plan>::share(plan).detach();
}

void fusor_plan_release(fusor_plan* plan) {
  Ref<Plan>::adopt(plan);
}

fusor_status fusor_plan_run(fusor_environment* environment, fusor_plan* plan, fusor_tensor* const* inputs,
                            int32_t input_count, fusor_tensor** outputs, int32_t output_count,
                            fusor_callback callback, void* user_data) {
  return api::guarded([&] {
    required(environment, "environment");
    std::vector<Ref<Tensor>> given = checked_inputs(required(plan, "plan"), inputs, input_count);
    require_list(outputs, output_count, "outputs");
    if (static_cast<size_t>(output_count) != plan->outputs().size()) {
      fail(FUSOR_ERROR_ARGUMENT, "plan: gives ", plan->outputs().size(), " outputs, not ", output_count);
    }
    Stream& stream = environment->stream(plan->device());
    std::vector<Ref<Storage>> storages;
    std::vector<Ref<Tensor>> results;
    for (const TensorType& type : plan->outputs()) {
      storages.push_back(make_ref<Storage>(plan->device(), type.dtype, type.shape));
      storages.back()->set_home(Ref<Counted>::share(&stream));
      results.push_back(make_ref<Tensor>(storages.back()));
    }
    stream.push(std::make_unique<RunTask>(stream, Ref<Plan>::share(plan), std::move(given),
                                          std::move(storages), Callback{callback, user_data}));
    for (size_t i = 0; i < results.size(); ++i) outputs[i] = results[i].detach();
  });
}

fusor_status fusor_plan_profile(fusor_environment* environment, fusor_plan* plan, fusor_tensor* const* inputs,
                                int32_t input_count, int32_t repeats, double* seconds,
                                fusor_callback callback, void* user_data) {
  return api::guarded([&] {
    required(environment, "environment");
    std::vector<Ref<Tensor>> given = checked_inputs(required(plan, "plan"), inputs, input_count);
    if (repeats < 1) fail(FUSOR_ERROR_ARGUMENT, "profile: repeats must be at least 1, got ", repeats);
    if (!plan->steps().empty()) require_pointer(seconds, "seconds");
    Stream& stream = environment->stream(plan->device());
    stream.push(std::make_unique<ProfileTask>(stream, Ref<Plan>::share(plan), std::move(given), repeats,
                                              seconds, Callback{callback, user_data}));
  });
}

fusor_status fusor_plan_get_summary(const fusor_plan* plan, fusor_plan_summary* summary) {
  return api::guarded([&] {
    required(plan, "plan");
    fusor_plan_summary result{};
    result.step_count = static_cast<int32_t>(plan->steps().size());
    result.arena_bytes = plan->arena_bytes();
    result.packed_bytes = plan->packed_bytes();
    write_struct(summary, result, "summary");
  });
}

fusor_status fusor_plan_get_step(const fusor_plan* plan, int32_t step, fusor_step_info* info) {
  return api::guarded([&] {
    const std::vector<fusor_plan_step>& steps = required(plan, "plan").steps();
    if (step < 0 || static_cast<size_t>(step) >= steps.size()) {
      fail(FUSOR_ERROR_ARGUMENT, "plan: there is no step ", step, "; steps are 0 to ",
           static_cast<int64_t>(steps.size()) - 1);
    }
    const fusor_plan_step& from = steps[static_cast<size_t>(step)];
    fusor_step_info result{};
    result.name = from.name;
    result.op = from.op;
    result.algorithm = from.algorithm;
    result.instruction_set = from.instruction_set;
    result.flops = from.flops;
    result.bytes = from.bytes;
    write_struct(info, result, "info");
  });
}
