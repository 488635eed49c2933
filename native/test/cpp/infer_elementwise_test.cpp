// Arguments of elementwise ops, softmax and reductions.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "infer_testing.h"

using namespace testing;

namespace {

constexpr float kNaN = __builtin_nanf("");

std::string unary(int32_t function, const Type& x, float alpha = 1, float beta = 1) {
  return inferred(FUSOR_OP_UNARY, fusor_unary_attributes{0, function, alpha, beta}, {x});
}
std::string binary(int32_t function, const Type& a, const Type& b) {
  return inferred(FUSOR_OP_BINARY, fusor_binary_attributes{0, function}, {a, b});
}
std::string reduce(int32_t function, const Type& x, std::initializer_list<int32_t> dims, bool keep = false,
                   float correction = 1) {
  fusor_reduce_attributes attributes{};
  attributes.function = function;
  attributes.dim_count = static_cast<int32_t>(dims.size());
  std::copy(dims.begin(), dims.end(), attributes.dims);
  attributes.keep_dims = keep ? 1 : 0;
  attributes.correction = correction;
  return inferred(FUSOR_OP_REDUCE, attributes, {x});
}
std::string arg_reduce(const Type& x, int32_t dim, bool keep = false, bool least = false) {
  return inferred(FUSOR_OP_ARG_REDUCE, fusor_arg_reduce_attributes{0, dim, least ? 1 : 0, keep ? 1 : 0}, {x});
}
std::string topk(const Type& x, int64_t k, int32_t dim) {
  return inferred(FUSOR_OP_TOPK, fusor_topk_attributes{0, k, dim, 1, 1}, {x});
}

}  // namespace

TEST_CASE("unary ops keep shape and dtype, but truth is u8") {
  CHECK(unary(FUSOR_UNARY_EXP, f32({2, 3})) == "f32 [2, 3]");
  CHECK(unary(FUSOR_UNARY_RELU, i32({})) == "i32 []");
  CHECK(unary(FUSOR_UNARY_NEG, u8({0, 3})) == "u8 [0, 3]");
  CHECK(unary(FUSOR_UNARY_LOGICAL_NOT, i64({4})) == "u8 [4]");
  CHECK(unary(FUSOR_UNARY_IS_NAN, f16({4})) == "u8 [4]");
}

TEST_CASE("unary ops are called by their function in messages") {
  CHECK(unary(FUSOR_UNARY_EXP, i32({2})) == "dtype error: exp: input must be f32, f16 or bf16, got i32");
  CHECK(unary(FUSOR_UNARY_CLAMP, f32({2}), kNaN, 1) ==
        "argument error: clamp: the lower bound must be a number, got NaN");
  CHECK(unary(FUSOR_UNARY_SOFTPLUS, f32({2}), 0, 20) ==
        "argument error: softplus: beta must be a finite number other than 0, got 0");
  CHECK(unary(FUSOR_UNARY_LEAKY_RELU, f32({2}), kNaN) ==
        "argument error: leakyRelu: the negative slope must be a number, got NaN");
  CHECK(unary(FUSOR_UNARY_ELU, f32({2}), kNaN) == "argument error: elu: alpha must be a number, got NaN");
  CHECK(unary(31, f32({2}))
            .starts_with("argument error: unary: function 31 is not one of 0 to 30 (relu, gelu,"));
  CHECK(unary(-1, f32({2})).starts_with("argument error: unary: function -1 is not one of"));
}

TEST_CASE("every unary function has its own name") {
  for (int32_t function = 0; function < FUSOR_UNARY_COUNT; ++function) {
    CHECK(unary(function, f32({3})).ends_with(" [3]"));
  }
}

TEST_CASE("binary ops broadcast like PyTorch") {
  CHECK(binary(FUSOR_BINARY_ADD, f32({2, 3}), f32({3})) == "f32 [2, 3]");
  CHECK(binary(FUSOR_BINARY_MUL, f32({4, 1, 3}), f32({5, 1})) == "f32 [4, 5, 3]");
  CHECK(binary(FUSOR_BINARY_SUB, f32({}), f32({2})) == "f32 [2]");
  CHECK(binary(FUSOR_BINARY_ADD, i64({0, 3}), i64({1, 3})) == "i64 [0, 3]");
  CHECK(binary(FUSOR_BINARY_LT, i32({2}), i32({2})) == "u8 [2]");
  CHECK(binary(FUSOR_BINARY_LOGICAL_OR, f32({2}), f32({1})) == "u8 [2]");
  CHECK(binary(FUSOR_BINARY_FLOOR_DIV, i32({2}), i32({1})) == "i32 [2]");
  CHECK(binary(FUSOR_BINARY_ADD, f32({2, 3}), f32({4})) ==
        "shape error: add: shapes [2, 3] and [4] do not broadcast");
  CHECK(binary(FUSOR_BINARY_MAXIMUM, f32({0, 3}), f32({2, 3})) ==
        "shape error: maximum: shapes [0, 3] and [2, 3] do not broadcast");
  CHECK(binary(FUSOR_BINARY_MUL, f32({2}), i32({2})) ==
        "dtype error: mul: a is f32 but b is i32; convert one of them");
  CHECK(binary(FUSOR_BINARY_DIV, i32({2}), i32({2})) ==
        "dtype error: div: a must be f32, f16 or bf16, got i32");
  CHECK(binary(FUSOR_BINARY_COUNT, f32({2}), f32({2})).starts_with("argument error: binary: function 17"));
}

TEST_CASE("where, convert and residual add check their inputs") {
  CHECK(inferred(FUSOR_OP_WHERE, nullptr, {u8({2, 1}), f32({3}), f32({})}) == "f32 [2, 3]");
  CHECK(inferred(FUSOR_OP_WHERE, nullptr, {f32({2}), f32({2}), f32({2})}) ==
        "dtype error: where: condition must be u8 (as comparisons give), got f32");
  CHECK(inferred(FUSOR_OP_WHERE, nullptr, {u8({2}), f32({2}), i64({2})}) ==
        "dtype error: where: a is f32 but b is i64; convert one of them");
  CHECK(inferred(FUSOR_OP_WHERE, nullptr, {u8({3}), f32({2}), f32({2})}) ==
        "shape error: where: condition [3] and values [2] do not broadcast");
  CHECK(inferred(FUSOR_OP_CONVERT, fusor_convert_attributes{0, FUSOR_I64}, {f32({2, 0})}) == "i64 [2, 0]");
  CHECK(inferred(FUSOR_OP_CONVERT, fusor_convert_attributes{0, 6}, {f32({2})}) ==
        "argument error: convert: dtype 6 is not one of 0 to 5 (f32, f16, bf16, i32, i64, u8)");
  const fusor_residual_add_attributes plain{};
  CHECK(inferred(FUSOR_OP_RESIDUAL_ADD, plain, {f32({2, 3}), f32({2, 3})}) == "f32 [2, 3]");
  CHECK(inferred(FUSOR_OP_RESIDUAL_ADD, plain, {f32({2, 3}), f32({3})}) ==
        "shape error: residualAdd: residual must have shape [2, 3] (like the input), got [3]");
}

TEST_CASE("softmax takes a dimension of the input, and 0 of a scalar") {
  CHECK(inferred(FUSOR_OP_SOFTMAX, fusor_softmax_attributes{0, 1, 0}, {f32({2, 3})}) == "f32 [2, 3]");
  CHECK(inferred(FUSOR_OP_SOFTMAX, fusor_softmax_attributes{0, 0, 1}, {f32({})}) == "f32 []");
  CHECK(inferred(FUSOR_OP_SOFTMAX, fusor_softmax_attributes{0, 2, 0}, {f32({2, 3})}) ==
        "argument error: softmax: dim 2 is out of range: input [2, 3] has dimensions 0 to 1");
  CHECK(inferred(FUSOR_OP_SOFTMAX, fusor_softmax_attributes{0, -1, 0}, {f32({2, 3})}) ==
        "argument error: softmax: dim -1 is out of range: input [2, 3] has dimensions 0 to 1");
  CHECK(inferred(FUSOR_OP_SOFTMAX, fusor_softmax_attributes{0, 0, 0}, {u8({2})}) ==
        "dtype error: softmax: input must be f32, f16 or bf16, got u8");
}

TEST_CASE("reductions drop or keep dimensions and widen integers") {
  CHECK(reduce(FUSOR_REDUCE_SUM, f32({2, 3, 4}), {0, 2}) == "f32 [3]");
  CHECK(reduce(FUSOR_REDUCE_SUM, f32({2, 3, 4}), {0, 2}, true) == "f32 [1, 3, 1]");
  CHECK(reduce(FUSOR_REDUCE_SUM, i32({2, 3}), {1}) == "i64 [2]");
  CHECK(reduce(FUSOR_REDUCE_PROD, u8({2, 3}), {0, 1}) == "i64 []");
  CHECK(reduce(FUSOR_REDUCE_SUM, i64({2, 3}), {}) == "i64 [2, 3]");
  CHECK(reduce(FUSOR_REDUCE_MAX, i32({2, 3}), {1}) == "i32 [2]");
  CHECK(reduce(FUSOR_REDUCE_ANY, f32({2, 3}), {0}) == "u8 [3]");
  CHECK(reduce(FUSOR_REDUCE_ALL, i64({}), {}) == "u8 []");
  CHECK(reduce(FUSOR_REDUCE_SUM, f32({}), {0}) == "f32 []");
  CHECK(reduce(FUSOR_REDUCE_MEAN, f32({2, 0}), {1}) == "f32 [2]");
  CHECK(reduce(FUSOR_REDUCE_MEAN, i32({2}), {0}) ==
        "dtype error: mean: input must be f32, f16 or bf16, got i32");
  CHECK(reduce(FUSOR_REDUCE_VARIANCE, f32({2}), {0}, false, kNaN) ==
        "argument error: variance: correction must be a finite number, got nan");
  CHECK(reduce(FUSOR_REDUCE_MAX, f32({2, 0}), {1}) ==
        "shape error: max: cannot take it over dimension 1 of input [2, 0], which has size 0");
  CHECK(reduce(FUSOR_REDUCE_MIN, f32({2, 0}), {0}) == "f32 [0]");
  CHECK(reduce(FUSOR_REDUCE_SUM, f32({2, 3}), {1, 0}) ==
        "argument error: sum: dims must go up without repeats, got [1, 0]");
  CHECK(reduce(FUSOR_REDUCE_SUM, f32({2, 3}), {1, 1}) ==
        "argument error: sum: dims must go up without repeats, got [1, 1]");
  CHECK(reduce(FUSOR_REDUCE_SUM, f32({2, 3}), {2}) ==
        "argument error: sum: dim 2 is out of range: input [2, 3] has dimensions 0 to 1");
  CHECK(inferred(FUSOR_OP_REDUCE, fusor_reduce_attributes{0, FUSOR_REDUCE_SUM, 9, {}, 0, 0}, {f32({2})}) ==
        "argument error: reduce: dims has 9 entries, but tensors have at most 8 dimensions");
}

TEST_CASE("argmax and top-k give i64 indices") {
  CHECK(arg_reduce(f32({2, 3}), 1) == "i64 [2]");
  CHECK(arg_reduce(u8({2, 3}), 0, true) == "i64 [1, 3]");
  CHECK(arg_reduce(f32({}), 0) == "i64 []");
  CHECK(arg_reduce(f32({2, 0}), 1) ==
        "shape error: argmax: cannot take it over dimension 1 of input [2, 0], which has size 0");
  CHECK(arg_reduce(f32({2, 3}), 2, false, true) ==
        "argument error: argmin: dim 2 is out of range: input [2, 3] has dimensions 0 to 1");
  CHECK(topk(f32({2, 5}), 3, 1) == "f32 [2, 3]; i64 [2, 3]");
  CHECK(topk(i32({2, 5}), 0, 0) == "i32 [0, 5]; i64 [0, 5]");
  CHECK(topk(f32({}), 1, 0) == "f32 []; i64 []");
  CHECK(topk(f32({2, 5}), 6, 1) ==
        "argument error: topk: k must be 0 to 5, the size of dimension 1 of input [2, 5], got 6");
  CHECK(topk(f32({2, 5}), -1, 1) ==
        "argument error: topk: k must be 0 to 5, the size of dimension 1 of input [2, 5], got -1");
}
