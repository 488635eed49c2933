// Arguments of ops that move, view and make data; and what is common to all ops.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <limits>

#include "infer_testing.h"

using namespace testing;

namespace {

template <class Attributes>
Attributes shaped(std::initializer_list<int64_t> shape) {
  Attributes attributes{};
  attributes.rank = static_cast<int32_t>(shape.size());
  std::copy(shape.begin(), shape.end(), attributes.shape);
  return attributes;
}

std::string pad(const Type& x, std::initializer_list<int64_t> before, std::initializer_list<int64_t> after,
                int32_t mode = FUSOR_PAD_CONSTANT, double value = 0) {
  fusor_pad_attributes attributes{};
  attributes.rank = static_cast<int32_t>(before.size());
  std::copy(before.begin(), before.end(), attributes.before);
  std::copy(after.begin(), after.end(), attributes.after);
  attributes.mode = mode;
  attributes.value = value;
  return inferred(FUSOR_OP_PAD, attributes, {x});
}
std::string along(int32_t op, int32_t dim, const std::vector<MaybeType>& inputs) {
  return inferred(op, fusor_dim_attributes{0, dim}, inputs);
}
std::string reshape(const Type& x, std::initializer_list<int64_t> shape) {
  return inferred(FUSOR_OP_RESHAPE, shaped<fusor_shape_attributes>(shape), {x});
}
std::string expand(const Type& x, std::initializer_list<int64_t> shape) {
  return inferred(FUSOR_OP_EXPAND, shaped<fusor_shape_attributes>(shape), {x});
}
std::string permute(const Type& x, std::initializer_list<int32_t> order) {
  fusor_permute_attributes attributes{};
  attributes.rank = static_cast<int32_t>(order.size());
  std::copy(order.begin(), order.end(), attributes.order);
  return inferred(FUSOR_OP_PERMUTE, attributes, {x});
}
std::string slice(const Type& x, std::initializer_list<int64_t> start, std::initializer_list<int64_t> end,
                  std::initializer_list<int64_t> step) {
  fusor_slice_attributes attributes{};
  attributes.rank = static_cast<int32_t>(start.size());
  std::copy(start.begin(), start.end(), attributes.start);
  std::copy(end.begin(), end.end(), attributes.end);
  std::copy(step.begin(), step.end(), attributes.step);
  return inferred(FUSOR_OP_SLICE, attributes, {x});
}
std::string fill(std::initializer_list<int64_t> shape, int32_t dtype, double value) {
  auto attributes = shaped<fusor_fill_attributes>(shape);
  attributes.dtype = dtype;
  attributes.value = value;
  return inferred(FUSOR_OP_FILL, attributes, {});
}
std::string arange(int64_t count, double start, double step, int32_t dtype) {
  return inferred(FUSOR_OP_ARANGE, fusor_arange_attributes{0, count, start, step, dtype}, {});
}
std::string random(int32_t distribution, float low, float high) {
  auto attributes = shaped<fusor_random_attributes>({2, 3});
  attributes.distribution = distribution;
  attributes.low = low;
  attributes.high = high;
  return inferred(FUSOR_OP_RANDOM, attributes, {});
}

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("padding grows, and constant padding crops too") {
  CHECK(pad(f32({2, 3}), {0, 1}, {1, 2}) == "f32 [3, 6]");
  CHECK(pad(u8({4, 5}), {-1, 0}, {-1, -5}) == "u8 [2, 0]");
  CHECK(pad(f32({}), {}, {}) == "f32 []");
  CHECK(pad(f32({4, 5}), {0, 4}, {0, 4}, FUSOR_PAD_REFLECT) == "f32 [4, 13]");
  CHECK(pad(f32({4, 5}), {0, 9}, {0, 9}, FUSOR_PAD_REPLICATE) == "f32 [4, 23]");
  CHECK(pad(f32({0, 5}), {0, 1}, {0, 1}, FUSOR_PAD_REFLECT) == "f32 [0, 7]");
  CHECK(pad(f32({4, 5}), {0}, {0}) ==
        "argument error: pad: before and after have 1 entries but input [4, 5] has 2 dimensions");
  CHECK(pad(f32({4, 5}), {0, -3}, {0, -3}) ==
        "shape error: pad: dimension 1 of input [4, 5] cannot have -3 before and -3 after it");
  CHECK(pad(f32({4, 5}), {0, -6}, {0, 6}) ==
        "shape error: pad: dimension 1 of input [4, 5] cannot have -6 before and 6 after it");
  CHECK(pad(f32({4, 5}), {0, 5}, {0, 0}, FUSOR_PAD_REFLECT) ==
        "argument error: pad: reflection must be 0 to 4 along dimension 1 of input [4, 5], got 5 before and "
        "0 after");
  CHECK(pad(f32({4, 5}), {0, -1}, {0, 0}, FUSOR_PAD_REFLECT) ==
        "argument error: pad: reflection must be 0 to 4 along dimension 1 of input [4, 5], got -1 before and "
        "0 after");
  CHECK(pad(f32({4, 0}), {0, 1}, {0, 0}, FUSOR_PAD_REPLICATE) ==
        "shape error: pad: dimension 1 of input [4, 0] has no edge to replicate");
  CHECK(pad(f32({4, 5}), {0, 1}, {0, -1}, FUSOR_PAD_REPLICATE) ==
        "argument error: pad: replication must be at least 0, got 1 before and -1 after along dimension 1");
  CHECK(pad(f32({4}), {1}, {1}, FUSOR_PAD_CONSTANT, kNaN) == "f32 [6]");
  CHECK(pad(u8({4}), {1}, {1}, FUSOR_PAD_CONSTANT, 255) == "u8 [6]");
  CHECK(pad(u8({4}), {1}, {1}, FUSOR_PAD_CONSTANT, -1) ==
        "argument error: pad: value -1 does not fit into u8");
  CHECK(pad(u8({4}), {1}, {1}, FUSOR_PAD_REPLICATE, kNaN) ==
        "argument error: pad: value nan does not fit into u8");
  const int64_t most = std::numeric_limits<int64_t>::max();
  CHECK(pad(f32({4}), {most}, {most}).starts_with("shape error: pad: dimension 0 of input [4] cannot have"));
  CHECK(
      pad(f32({4}), {-most}, {-most}).starts_with("shape error: pad: dimension 0 of input [4] cannot have"));
}

TEST_CASE("concat joins along one dimension") {
  CHECK(along(FUSOR_OP_CONCAT, 1, {f32({2, 3}), f32({2, 0}), f32({2, 4})}) == "f32 [2, 7]");
  CHECK(along(FUSOR_OP_CONCAT, 0, std::vector<MaybeType>(1024, i64({1}))) == "i64 [1024]");
  CHECK(along(FUSOR_OP_CONCAT, 0, {}) == "argument error: concat: expected 1 to 1024 inputs, got 0");
  CHECK(along(FUSOR_OP_CONCAT, 0, std::vector<MaybeType>(1025, i64({1}))) ==
        "argument error: concat: expected 1 to 1024 inputs, got 1025");
  CHECK(along(FUSOR_OP_CONCAT, 1, {f32({2, 3}), f32({3, 3})}) ==
        "shape error: concat: input 0 has shape [2, 3] but input 1 has [3, 3]; all dimensions but 1 must be "
        "equal");
  CHECK(along(FUSOR_OP_CONCAT, 0, {f32({2, 3}), f32({3})}) ==
        "shape error: concat: input 0 has shape [2, 3] but input 1 has [3]; all dimensions but 0 must be "
        "equal");
  CHECK(along(FUSOR_OP_CONCAT, 0, {f32({2}), i32({2})}) ==
        "dtype error: concat: input 0 is f32 but input 1 is i32; convert one of them");
  CHECK(along(FUSOR_OP_CONCAT, 0, {f32({})}) ==
        "shape error: concat: inputs of rank 0 have no dimension to join along");
  CHECK(along(FUSOR_OP_CONCAT, 0, {f32({2}), kAbsent}) == "argument error: concat: input 1 is missing");
  const Type large = u8({int64_t{1} << 61});
  CHECK(along(FUSOR_OP_CONCAT, 0, {large, large, large})
            .starts_with("shape error: concat: the result cannot have"));
}

TEST_CASE("gather and indexSelect take integer indices") {
  CHECK(along(FUSOR_OP_GATHER, 1, {f32({2, 3}), i64({2, 9})}) == "f32 [2, 9]");
  CHECK(along(FUSOR_OP_GATHER, 0, {f32({2, 3}), i32({5, 1})}) == "f32 [5, 1]");
  CHECK(along(FUSOR_OP_GATHER, 1, {f32({2, 3}), i64({5, 0})}) == "f32 [5, 0]");
  CHECK(along(FUSOR_OP_GATHER, 1, {f32({2, 3}), i64({3, 1})}) ==
        "shape error: gather: index [3, 1] must have input [2, 3]'s rank and be no larger in any dimension "
        "but 1");
  CHECK(along(FUSOR_OP_GATHER, 1, {f32({2, 3}), f32({2, 1})}) ==
        "dtype error: gather: index must be i32 or i64, got f32");
  CHECK(along(FUSOR_OP_INDEX_SELECT, 1, {f32({2, 3, 4}), i64({5, 6})}) == "f32 [2, 5, 6, 4]");
  CHECK(along(FUSOR_OP_INDEX_SELECT, 0, {f32({9, 4}), i32({})}) == "f32 [4]");
  CHECK(along(FUSOR_OP_INDEX_SELECT, 0, {u8({1, 1, 1, 1, 1, 1, 1, 1}), i64({2, 2})}) ==
        "shape error: indexSelect: input [1, 1, 1, 1, 1, 1, 1, 1] indexed by [2, 2] would have 9 dimensions, "
        "but tensors "
        "have at most 8");
}

TEST_CASE("reshape and expand say what the sizes are") {
  CHECK(reshape(f32({2, 3, 4}), {6, 4}) == "f32 [6, 4]");
  CHECK(reshape(f32({1}), {}) == "f32 []");
  CHECK(reshape(f32({0, 4}), {2, 0}) == "f32 [2, 0]");
  CHECK(reshape(f32({2, 3}), {4, 2}) ==
        "shape error: reshape: input [2, 3] has 6 elements but shape [4, 2] has 8");
  CHECK(reshape(f32({2, 3}), {-1, 6}).starts_with("shape error: reshape: shape [-1, 6] is not possible"));
  const int64_t huge = int64_t{1} << 32;
  CHECK(reshape(f32({1}), {huge, huge, huge}).starts_with("shape error: reshape: shape"));
  CHECK(reshape(f32({0}), {huge, huge, 0}).starts_with("shape error: reshape: shape"));
  CHECK(expand(f32({3, 1}), {2, 3, 4}) == "f32 [2, 3, 4]");
  CHECK(expand(f32({1}), {0}) == "f32 [0]");
  CHECK(expand(f32({3}), {1}) ==
        "shape error: expand: input [3] cannot be expanded to [1]: from the last dimension on, sizes must be "
        "equal or 1 "
        "in the input");
  CHECK(expand(f32({2, 3}), {3}).starts_with("shape error: expand: input [2, 3] cannot be expanded to [3]"));
  CHECK(expand(f32({1, 1}), {huge, huge}).starts_with("shape error: expand:"));
}

TEST_CASE("permute and slice check orders and bounds") {
  CHECK(permute(f32({2, 3, 4}), {2, 0, 1}) == "f32 [4, 2, 3]");
  CHECK(permute(f32({}), {}) == "f32 []");
  CHECK(permute(f32({2, 3}), {0, 0}) ==
        "argument error: permute: order [0, 0] must name each of the 2 dimensions of input [2, 3] once");
  CHECK(permute(f32({2, 3}), {0}) ==
        "argument error: permute: order [0] must name each of the 2 dimensions of input [2, 3] once");
  CHECK(permute(f32({2, 3}), {0, 2}) ==
        "argument error: permute: order [0, 2] must name each of the 2 dimensions of input [2, 3] once");
  CHECK(permute(f32({2, 3}), {0, -1}) ==
        "argument error: permute: order [0, -1] must name each of the 2 dimensions of input [2, 3] once");
  CHECK(slice(f32({10, 4}), {1, 0}, {8, 4}, {3, 2}) == "f32 [3, 2]");
  CHECK(slice(f32({10}), {10}, {10}, {1}) == "f32 [0]");
  CHECK(slice(f32({10}), {0}, {10}, {std::numeric_limits<int64_t>::max()}) == "f32 [1]");
  CHECK(slice(f32({10}), {3}, {2}, {1}) ==
        "argument error: slice: start 3 and end 2 must be in order and inside dimension 0 of input [10]");
  CHECK(slice(f32({10}), {-1}, {2}, {1}) ==
        "argument error: slice: start -1 and end 2 must be in order and inside dimension 0 of input [10]");
  CHECK(slice(f32({10}), {0}, {11}, {1}) ==
        "argument error: slice: start 0 and end 11 must be in order and inside dimension 0 of input [10]");
  CHECK(slice(f32({10}), {0}, {5}, {0}) ==
        "argument error: slice: step must be at least 1, got 0 for dimension 0");
  CHECK(slice(f32({10, 4}), {0}, {5}, {1}) ==
        "argument error: slice: start, end and step have 1 entries but input [10, 4] has 2 dimensions");
}

TEST_CASE("ops that make data check what their dtype can hold") {
  CHECK(fill({2, 3}, FUSOR_F16, kNaN) == "f16 [2, 3]");
  CHECK(fill({}, FUSOR_U8, 255) == "u8 []");
  CHECK(fill({0}, FUSOR_I64, -9e18) == "i64 [0]");
  CHECK(fill({2}, FUSOR_U8, 256) == "argument error: fill: value 256 does not fit into u8");
  CHECK(fill({2}, FUSOR_I32, kNaN) == "argument error: fill: value nan does not fit into i32");
  CHECK(fill({2}, FUSOR_I64, 9.3e18) == "argument error: fill: value 9.3e+18 does not fit into i64");
  CHECK(fill({2, -1}, FUSOR_F32, 0) ==
        "shape error: fill: the result cannot have shape [2, -1]: sizes are at least 0 and a tensor has at "
        "most 2^62 "
        "bytes");
  CHECK(arange(5, 0, 0.5, FUSOR_F32) == "f32 [5]");
  CHECK(arange(0, 0, 1, FUSOR_I64) == "i64 [0]");
  CHECK(arange(-1, 0, 1, FUSOR_I64) == "argument error: arange: count must be at least 0, got -1");
  CHECK(arange(3, 0, kInfinity, FUSOR_F32) ==
        "argument error: arange: start and step must be finite numbers, got 0 and inf");
  CHECK(arange(257, 0, 1, FUSOR_U8) == "argument error: arange: the values 0 to 256 do not fit into u8");
  CHECK(random(FUSOR_RANDOM_UNIFORM, -1, 1) == "f32 [2, 3]");
  CHECK(random(FUSOR_RANDOM_UNIFORM, 1, -1) ==
        "argument error: random: low and high must be finite and in order, got 1 and -1");
  CHECK(random(FUSOR_RANDOM_NORMAL, 0, -1) ==
        "argument error: random: the mean must be finite and the standard deviation finite and at least 0, "
        "got 0 and "
        "-1");
  CHECK(random(FUSOR_RANDOM_BERNOULLI, 0, 1.5f) ==
        "argument error: random: the probability must be 0 to 1, got 1.5");
  CHECK(random(3, 0, 1) ==
        "argument error: random: distribution 3 is not one of 0 to 2 (uniform, normal, bernoulli)");
}

TEST_CASE("assign wants the same shape and dtype") {
  CHECK(inferred(FUSOR_OP_ASSIGN, nullptr, {f32({2}), f32({2})}).empty());
  CHECK(inferred(FUSOR_OP_ASSIGN, nullptr, {f32({2}), f32({1})}) ==
        "shape error: assign: source must have shape [2] (like the destination), got [1]");
  CHECK(inferred(FUSOR_OP_ASSIGN, nullptr, {f32({2}), i64({2})}) ==
        "dtype error: assign: destination is f32 but source is i64; convert the source");
}

TEST_CASE("all ops refuse what cannot be a call") {
  CHECK(inferred(FUSOR_OP_COUNT, nullptr, {}) == "argument error: there is no op 35; ops are 0 to 34");
  CHECK(inferred(-1, nullptr, {}) == "argument error: there is no op -1; ops are 0 to 34");
  CHECK(inferred(FUSOR_OP_CONV2D, nullptr, {f32({1})}) == "argument error: conv2d: attributes are missing");
  const fusor_softmax_attributes small{8, 0, 0};
  CHECK(
      inferred(FUSOR_OP_SOFTMAX, static_cast<const void*>(&small), {f32({1})}) ==
      "argument error: softmax: attributes say struct_size 8, but this version of fusor has 12 bytes there");
  CHECK(inferred(FUSOR_OP_SOFTMAX, fusor_softmax_attributes{0, 0, 0}, {type(9, {1})}) ==
        "dtype error: softmax: input has dtype 9, which is none");
  CHECK(inferred(FUSOR_OP_SOFTMAX, fusor_softmax_attributes{0, 0, 0}, {f32({int64_t{1} << 61})}) ==
        "shape error: softmax: input cannot have shape [2305843009213693952]: sizes are at least 0 and a "
        "tensor has at "
        "most 2^62 bytes");
  CHECK(inferred(FUSOR_OP_SOFTMAX, fusor_softmax_attributes{0, 0, 0}, {f32({int64_t{1} << 60})}) ==
        "f32 [1152921504606846976]");
}
