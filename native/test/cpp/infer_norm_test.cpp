// Arguments of linear, matmul and the norms.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "infer_testing.h"

using namespace testing;

namespace {

constexpr float kNaN = __builtin_nanf("");

std::string linear(const std::vector<MaybeType>& inputs) {
  return inferred(FUSOR_OP_LINEAR, fusor_linear_attributes{}, inputs);
}
std::string matmul(const Type& a, const Type& b) {
  return inferred(FUSOR_OP_MATMUL, nullptr, {a, b});
}
std::string batch_norm(const std::vector<MaybeType>& inputs, float epsilon = 1e-5f) {
  return inferred(FUSOR_OP_BATCH_NORM, fusor_batch_norm_attributes{0, epsilon, {}}, inputs);
}
std::string batch_norm_training(const std::vector<MaybeType>& inputs, float momentum = 0.1f) {
  return inferred(FUSOR_OP_BATCH_NORM_TRAINING, fusor_batch_norm_training_attributes{0, 1e-5f, momentum},
                  inputs);
}
std::string layer_norm(int32_t op, int32_t rank, const std::vector<MaybeType>& inputs) {
  return inferred(op, fusor_layer_norm_attributes{0, rank, 1e-5f}, inputs);
}
std::string group_norm(int32_t groups, const std::vector<MaybeType>& inputs) {
  return inferred(FUSOR_OP_GROUP_NORM, fusor_group_norm_attributes{0, groups, 1e-5f}, inputs);
}

}  // namespace

TEST_CASE("linear takes any leading dimensions") {
  CHECK(linear({f32({512}), f32({1000, 512})}) == "f32 [1000]");
  CHECK(linear({f32({2, 3, 4}), f32({5, 4}), f32({5}), f32({2, 3, 5})}) == "f32 [2, 3, 5]");
  CHECK(linear({f32({0, 4}), f32({5, 4})}) == "f32 [0, 5]");
  CHECK(linear({f32({3, 0}), f32({5, 0})}) == "f32 [3, 5]");
  CHECK(linear({f32({2, 3}), f32({5, 4})}) ==
        "shape error: linear: input [2, 3] has 3 features but weight [5, 4] expects 4");
  CHECK(linear({f32({}), f32({5, 4})}) ==
        "shape error: linear: input must have at least 1 dimension [..., features], got shape []");
  CHECK(
      linear({f32({2, 4}), f32({4})}) ==
      "shape error: linear: weight must have 2 dimensions [output features, input features], got shape [4]");
  CHECK(linear({f32({2, 4}), f32({5, 4}), f32({4})}) ==
        "shape error: linear: bias must have shape [5] (one per output feature), got [4]");
  CHECK(linear({f32({2, 4}), f32({5, 4}), kAbsent, f32({5})}) ==
        "shape error: linear: residual must have shape [2, 5] (like the output), got [5]");
  CHECK(linear({i64({2, 4}), i64({5, 4})}) == "dtype error: linear: input must be f32, f16 or bf16, got i64");
}

TEST_CASE("matmul broadcasts batch dimensions") {
  CHECK(matmul(f32({2, 3}), f32({3, 4})) == "f32 [2, 4]");
  CHECK(matmul(f32({5, 1, 2, 3}), f32({7, 3, 4})) == "f32 [5, 7, 2, 4]");
  CHECK(matmul(f16({0, 2, 3}), f16({1, 3, 4})) == "f16 [0, 2, 4]");
  CHECK(matmul(f32({2, 0}), f32({0, 4})) == "f32 [2, 4]");
  CHECK(matmul(f32({2, 3}), f32({4, 3})) ==
        "shape error: matmul: a [2, 3] has rows of 3 but b [4, 3] has columns of 4");
  CHECK(matmul(f32({2, 2, 3}), f32({3, 3, 4})) ==
        "shape error: matmul: the batch dimensions of a [2, 2, 3] and b [3, 3, 4] do not broadcast");
  CHECK(matmul(f32({3}), f32({3, 4})) ==
        "shape error: matmul: a must have at least 2 dimensions, got shape [3]");
  CHECK(matmul(f32({2, 3}), bf16({3, 4})) ==
        "dtype error: matmul: a is f32 but b is bf16; convert one of them");
  const int64_t huge = int64_t{1} << 31;
  CHECK(matmul(f32({huge, 1}), f32({1, huge}))
            .starts_with("shape error: matmul: the result cannot have shape"));
}

TEST_CASE("batch-norm takes one number per channel") {
  const Type c = f32({3});
  CHECK(batch_norm({f32({2, 3, 4, 5}), c, c}) == "f32 [2, 3, 4, 5]");
  CHECK(batch_norm({f32({2, 3}), c, c, c, c, f32({2, 3})}) == "f32 [2, 3]");
  CHECK(batch_norm({f16({2, 3, 4}), c, c, f16({3}), kAbsent, kAbsent}) == "f16 [2, 3, 4]");
  CHECK(batch_norm({f32({3}), c, c}) ==
        "shape error: batchNorm: input must have at least 2 dimensions [n, c, ...], got shape [3]");
  CHECK(batch_norm({f32({2, 4}), f32({4}), c}) ==
        "shape error: batchNorm: variance must have shape [4] (one per channel of the input), got [3]");
  CHECK(batch_norm({f32({2, 3}), c, c, f32({3, 1})}) ==
        "shape error: batchNorm: weight must have shape [3] (one per channel of the input), got [3, 1]");
  CHECK(batch_norm({f32({2, 3}), c, c, kAbsent, kAbsent, f32({1, 3})}) ==
        "shape error: batchNorm: residual must have shape [2, 3] (like the input), got [1, 3]");
  CHECK(batch_norm({f32({2, 3}), f16({3}), c}) ==
        "dtype error: batchNorm: input is f32 but mean is f16; convert one of them");
  CHECK(batch_norm({f32({2, 3}), kAbsent, c}) == "argument error: batchNorm: mean is missing");
  CHECK(batch_norm({f32({2, 3}), c, c}, -1) ==
        "argument error: batchNorm: epsilon must be a finite number >= 0, got -1");
  CHECK(batch_norm({f32({2, 3}), c, c}, kNaN) ==
        "argument error: batchNorm: epsilon must be a finite number >= 0, got nan");
}

TEST_CASE("batch-norm in training gives running statistics too") {
  const Type c = f32({3});
  CHECK(batch_norm_training({f32({2, 3, 4}), c, c, c, c}) == "f32 [2, 3, 4]; f32 [3]; f32 [3]");
  CHECK(batch_norm_training({bf16({2, 3, 4}), c, c}) == "bf16 [2, 3, 4]; f32 [3]; f32 [3]");
  CHECK(batch_norm_training({f32({1, 3}), c, c}) ==
        "shape error: batchNormTraining: training needs more than 1 value per channel, got input [1, 3]");
  CHECK(batch_norm_training({f32({2, 3}), c, c}, kNaN) ==
        "argument error: batchNormTraining: momentum must be a finite number, got nan");
}

TEST_CASE("layer-norm, add + layer-norm and RMS-norm normalize trailing dimensions") {
  CHECK(layer_norm(FUSOR_OP_LAYER_NORM, 1, {f32({2, 3, 4})}) == "f32 [2, 3, 4]");
  CHECK(layer_norm(FUSOR_OP_LAYER_NORM, 2, {f32({2, 3, 4}), f32({3, 4}), f32({3, 4})}) == "f32 [2, 3, 4]");
  CHECK(layer_norm(FUSOR_OP_LAYER_NORM, 1, {f32({0, 4}), f32({4})}) == "f32 [0, 4]");
  CHECK(layer_norm(FUSOR_OP_ADD_LAYER_NORM, 1, {f32({2, 4}), f32({2, 4}), kAbsent, f32({4})}) ==
        "f32 [2, 4]; f32 [2, 4]");
  CHECK(layer_norm(FUSOR_OP_RMS_NORM, 1, {bf16({2, 4}), f32({4})}) == "bf16 [2, 4]");
  CHECK(layer_norm(FUSOR_OP_LAYER_NORM, 2, {f32({2, 3, 4}), f32({4})}) ==
        "shape error: layerNorm: weight must have shape [3, 4] (the last dimensions of the input), got [4]");
  CHECK(layer_norm(FUSOR_OP_LAYER_NORM, 3, {f32({3, 4})}) ==
        "shape error: layerNorm: input [3, 4] has fewer dimensions than the 3 to normalize over");
  CHECK(layer_norm(FUSOR_OP_LAYER_NORM, 1, {f32({})}) ==
        "shape error: layerNorm: input [] has fewer dimensions than the 1 to normalize over");
  CHECK(layer_norm(FUSOR_OP_RMS_NORM, 0, {f32({3, 4})}) ==
        "argument error: rmsNorm: normalizedRank must be at least 1, got 0");
  CHECK(layer_norm(FUSOR_OP_ADD_LAYER_NORM, 1, {f32({2, 4}), f32({4})}) ==
        "shape error: addLayerNorm: residual must have shape [2, 4] (like the input), got [4]");
  CHECK(layer_norm(FUSOR_OP_RMS_NORM, 1, {f32({2, 4}), f32({4}), f32({4})}) ==
        "argument error: rmsNorm: expected 1 to 2 inputs, got 3");
}

TEST_CASE("group-norm divides channels into groups") {
  CHECK(group_norm(2, {f32({1, 6, 5}), f32({6}), f32({6})}) == "f32 [1, 6, 5]");
  CHECK(group_norm(4, {f32({1, 6, 5})}) ==
        "shape error: groupNorm: input has 6 channels, which do not divide into 4 groups");
  CHECK(group_norm(0, {f32({1, 6, 5})}) == "argument error: groupNorm: groups must be at least 1, got 0");
  CHECK(group_norm(2, {f32({1, 6, 5}), f32({2})}) ==
        "shape error: groupNorm: weight must have shape [6] (one per channel of the input), got [2]");
}

TEST_CASE("folding batch-norm gives a weight and a bias") {
  const fusor_fold_batch_norm_attributes attributes{0, 1e-5f};
  const Type k = f32({8});
  CHECK(inferred(FUSOR_OP_FOLD_BATCH_NORM, attributes, {f32({8, 3, 3, 3}), kAbsent, k, k}) ==
        "f32 [8, 3, 3, 3]; f32 [8]");
  CHECK(inferred(FUSOR_OP_FOLD_BATCH_NORM, attributes, {f32({8, 5}), k, k, k, k, k}) ==
        "f32 [8, 5]; f32 [8]");
  CHECK(inferred(FUSOR_OP_FOLD_BATCH_NORM, attributes, {f32({8, 5}), k, k, kAbsent}) ==
        "argument error: foldBatchNorm: variance is missing");
  CHECK(inferred(FUSOR_OP_FOLD_BATCH_NORM, attributes, {f32({8, 5}), k, k, k, f32({5})}) ==
        "shape error: foldBatchNorm: gamma must have shape [8] (one per output channel of the weight), got "
        "[5]");
}
