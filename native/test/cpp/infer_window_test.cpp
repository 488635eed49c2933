// Arguments and sizes of convolutions and pools. Expected sizes are PyTorch 1.13's.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "infer_testing.h"

using namespace testing;

namespace {

fusor_conv2d_attributes convolution(int32_t stride = 1, int32_t padding = 0, int32_t dilation = 1,
                                    int32_t groups = 1) {
  return {0, {stride, stride}, {padding, padding, padding, padding}, {dilation, dilation}, groups, {}};
}

fusor_pool2d_attributes pool(int32_t kernel, int32_t stride, int32_t padding = 0, bool ceil_mode = false,
                             int32_t dilation = 1) {
  return {0,
          {kernel, kernel},
          {stride, stride},
          {padding, padding, padding, padding},
          {dilation, dilation},
          ceil_mode ? 1 : 0,
          1};
}

std::string conv(const fusor_conv2d_attributes& attributes, const std::vector<MaybeType>& inputs) {
  return inferred(FUSOR_OP_CONV2D, attributes, inputs);
}
std::string max_pool(const fusor_pool2d_attributes& attributes, const Type& input) {
  return inferred(FUSOR_OP_MAX_POOL2D, attributes, {input});
}

}  // namespace

TEST_CASE("conv2d gives PyTorch's output sizes") {
  CHECK(conv(convolution(2, 3), {f32({1, 3, 224, 224}), f32({64, 3, 7, 7})}) == "f32 [1, 64, 112, 112]");
  CHECK(conv(convolution(1, 1), {f32({8, 64, 56, 56}), f32({64, 64, 3, 3}), f32({64})}) ==
        "f32 [8, 64, 56, 56]");
  CHECK(conv(convolution(1, 2, 2), {f32({2, 4, 9, 11}), f32({6, 4, 3, 3})}) == "f32 [2, 6, 9, 11]");
  CHECK(conv(convolution(3, 0), {f32({1, 1, 10, 11}), f32({1, 1, 3, 2})}) == "f32 [1, 1, 3, 4]");
  CHECK(conv(convolution(1, 1, 1, 32), {f32({1, 32, 5, 7}), f32({64, 1, 3, 3})}) == "f32 [1, 64, 5, 7]");
  CHECK(conv({0, {2, 1}, {0, 1, 2, 3}, {1, 2}, 2, {}}, {f32({1, 4, 7, 9}), f32({6, 2, 3, 2})}) ==
        "f32 [1, 6, 3, 12]");
  SUBCASE("the last stride may leave input over") {
    CHECK(conv(convolution(2), {f32({1, 1, 6, 6}), f32({1, 1, 3, 3})}) == "f32 [1, 1, 2, 2]");
  }
  SUBCASE("an empty batch stays empty") {
    CHECK(conv(convolution(), {f32({0, 3, 8, 8}), f32({4, 3, 3, 3})}) == "f32 [0, 4, 6, 6]");
  }
  SUBCASE("every float dtype, with residual and bias of the same") {
    CHECK(conv(convolution(), {bf16({1, 3, 8, 8}), bf16({4, 3, 3, 3}), kAbsent, bf16({1, 4, 6, 6})}) ==
          "bf16 [1, 4, 6, 6]");
  }
}

TEST_CASE("conv2d names the argument that does not fit") {
  const auto plain = convolution();
  CHECK(conv(plain, {f32({1, 3, 224, 224}), f32({64, 4, 7, 7})}) ==
        "shape error: conv2d: input has 3 channels but weight [64, 4, 7, 7] expects 4 (groups = 1)");
  CHECK(conv(convolution(1, 0, 1, 2), {f32({1, 8, 9, 9}), f32({6, 3, 3, 3})}) ==
        "shape error: conv2d: input has 8 channels but weight [6, 3, 3, 3] expects 6 (groups = 2)");
  CHECK(conv(convolution(1, 0, 1, 2), {f32({1, 3, 9, 9}), f32({6, 1, 3, 3})}) ==
        "shape error: conv2d: input has 3 channels, which do not divide into 2 groups");
  CHECK(conv(convolution(1, 0, 1, 2), {f32({1, 4, 9, 9}), f32({5, 2, 3, 3})}) ==
        "shape error: conv2d: weight [5, 2, 3, 3] has 5 output channels, which do not divide into 2 groups");
  CHECK(conv(plain, {f32({3, 8, 8}), f32({4, 3, 3, 3})}) ==
        "shape error: conv2d: input must have 4 dimensions [n, c, h, w], got shape [3, 8, 8]");
  CHECK(conv(plain, {f32({1, 3, 8, 8}), f32({4, 27})}) ==
        "shape error: conv2d: weight must have 4 dimensions [output channels, input channels / groups, h, "
        "w], got "
        "shape [4, 27]");
  CHECK(conv(plain, {f32({1, 3, 8, 8}), f32({4, 3, 3, 3}), f32({3})}) ==
        "shape error: conv2d: bias must have shape [4] (one per output channel), got [3]");
  CHECK(conv(plain, {f32({1, 3, 8, 8}), f32({4, 3, 3, 3}), kAbsent, f32({1, 4, 8, 8})}) ==
        "shape error: conv2d: residual must have shape [1, 4, 6, 6] (like the output), got [1, 4, 8, 8]");
  CHECK(conv(plain, {f32({1, 3, 2, 8}), f32({4, 3, 3, 3})}) ==
        "shape error: conv2d: a kernel of 3x3 with dilation [1, 1] does not fit into input [1, 3, 2, 8] with "
        "padding "
        "[0, 0, 0, 0]");
  CHECK(conv(plain, {f32({1, 3, 8, 8}), f32({4, 3, 0, 3})}) ==
        "shape error: conv2d: weight [4, 3, 0, 3] has an empty kernel");
  CHECK(conv(plain, {i32({1, 3, 8, 8}), i32({4, 3, 3, 3})}) ==
        "dtype error: conv2d: input must be f32, f16 or bf16, got i32");
  CHECK(conv(plain, {f32({1, 3, 8, 8}), f16({4, 3, 3, 3})}) ==
        "dtype error: conv2d: input is f32 but weight is f16; convert one of them");
  CHECK(conv(plain, {f32({1, 3, 8, 8})}) == "argument error: conv2d: expected 2 to 4 inputs, got 1");
  CHECK(conv(plain, {f32({1, 3, 8, 8}), kAbsent}) == "argument error: conv2d: weight is missing");
  CHECK(conv(convolution(0), {f32({1, 3, 8, 8}), f32({4, 3, 3, 3})}) ==
        "argument error: conv2d: stride must be at least 1, got [0, 0]");
  CHECK(
      conv(convolution(1, -1), {f32({1, 3, 8, 8}), f32({4, 3, 3, 3})}) ==
      "argument error: conv2d: padding must be at least 0, got [-1, -1, -1, -1] (top, bottom, left, right)");
  CHECK(conv(convolution(1, 0, 0), {f32({1, 3, 8, 8}), f32({4, 3, 3, 3})}) ==
        "argument error: conv2d: dilation must be at least 1, got [0, 0]");
  CHECK(conv(convolution(1, 0, 1, 0), {f32({1, 3, 8, 8}), f32({4, 3, 3, 3})}) ==
        "argument error: conv2d: groups must be at least 1, got 0");
}

TEST_CASE("conv2d checks sizes without overflowing") {
  const int64_t huge = int64_t{1} << 40;
  CHECK(conv(convolution(), {f32({1, 1, huge, 1}), f32({1, 1, 3, 1})}) ==
        "f32 [1, 1, " + std::to_string(huge - 2) + ", 1]");
  // 2^31 - 1 everywhere: the window is as long as 2^62.
  const int32_t most = 2147483647;
  CHECK(conv({0, {1, 1}, {0, 0, 0, 0}, {most, 1}, 1, {}}, {f32({1, 1, huge, 1}), f32({1, 1, most, 1})})
            .starts_with("shape error: conv2d: a kernel of 2147483647x1 with dilation [2147483647, 1]"));
  CHECK(conv(convolution(), {f32({1, 1, 1, 1}), f32({1, 1, int64_t{1} << 59, 1})})
            .starts_with("shape error: conv2d: a kernel of"));
  CHECK(conv(convolution(1, 0, 1, most), {f32({1, 1, 1, 1}), f32({most, int64_t{1} << 28, 1, 1})})
            .starts_with("shape error: conv2d: "));
  // Each tensor fits; the result does not.
  CHECK(conv({0, {1, 1}, {most, most, most, most}, {1, 1}, 1, {}}, {f32({1, 1, 1, 1}), f32({64, 1, 1, 1})}) ==
        "shape error: conv2d: the result cannot have shape [1, 64, 4294967295, 4294967295]: sizes are at "
        "least 0 and "
        "a tensor has at most 2^62 bytes");
}

TEST_CASE("activations of fused ops are checked") {
  auto attributes = convolution();
  attributes.activation = {FUSOR_ACTIVATION_CLAMP, 0, 6};
  CHECK(conv(attributes, {f32({1, 3, 8, 8}), f32({4, 3, 3, 3})}) == "f32 [1, 4, 6, 6]");
  attributes.activation = {FUSOR_ACTIVATION_CLAMP, 0, __builtin_nanf("")};
  CHECK(conv(attributes, {f32({1, 3, 8, 8}), f32({4, 3, 3, 3})}) ==
        "argument error: conv2d: the bounds of activation clamp must be numbers, got [0, nan]");
  attributes.activation = {6, 0, 0};
  CHECK(
      conv(attributes, {f32({1, 3, 8, 8}), f32({4, 3, 3, 3})}) ==
      "argument error: conv2d: activation 6 is not one of 0 to 5 (none, relu, gelu, gelu-tanh, silu, clamp)");
}

TEST_CASE("pools give PyTorch's output sizes") {
  CHECK(max_pool(pool(3, 2, 1), f32({1, 64, 112, 112})) == "f32 [1, 64, 56, 56]");
  CHECK(max_pool(pool(2, 2), f32({1, 1, 5, 7})) == "f32 [1, 1, 2, 3]");
  CHECK(max_pool(pool(3, 1, 1, false, 2), f32({1, 1, 9, 10})) == "f32 [1, 1, 7, 8]");
  SUBCASE("ceil mode keeps a last window that starts inside") {
    CHECK(max_pool(pool(2, 2, 0, true), f32({1, 1, 5, 7})) == "f32 [1, 1, 3, 4]");
    CHECK(max_pool(pool(3, 2, 0, true), f32({1, 1, 6, 5})) == "f32 [1, 1, 3, 2]");
  }
  SUBCASE("ceil mode drops a last window that starts in the padding after the input") {
    CHECK(max_pool(pool(2, 2, 1, true), f32({1, 1, 3, 4})) == "f32 [1, 1, 2, 3]");
    CHECK(max_pool(pool(1, 3, 0, true), f32({1, 1, 2, 4})) == "f32 [1, 1, 1, 2]");
    CHECK(max_pool(pool(2, 3, 1, true), f32({1, 1, 5, 6})) == "f32 [1, 1, 2, 3]");
  }
  SUBCASE("ceil mode makes a window out of a little room") {
    CHECK(max_pool(pool(3, 2, 0, true), f32({1, 1, 2, 2})) == "f32 [1, 1, 1, 1]");
  }
  SUBCASE("an empty batch stays empty") {
    CHECK(max_pool(pool(2, 2), f32({0, 3, 4, 4})) == "f32 [0, 3, 2, 2]");
  }
  CHECK(inferred(FUSOR_OP_AVG_POOL2D, pool(3, 2, 1, true), {f32({2, 3, 8, 9})}) == "f32 [2, 3, 5, 5]");
  CHECK(inferred(FUSOR_OP_ADAPTIVE_AVG_POOL2D, fusor_adaptive_pool2d_attributes{0, {1, 1}},
                 {f32({8, 512, 7, 7})}) == "f32 [8, 512, 1, 1]");
  CHECK(inferred(FUSOR_OP_ADAPTIVE_MAX_POOL2D, fusor_adaptive_pool2d_attributes{0, {9, 2}},
                 {f32({8, 5, 7, 7})}) == "f32 [8, 5, 9, 2]");
}

TEST_CASE("pools name what does not fit") {
  CHECK(max_pool(pool(3, 2), f32({1, 2, 2, 9})) ==
        "shape error: maxPool2d: a kernel of 3x3 with dilation [1, 1] does not fit into input [1, 2, 2, 9] "
        "with padding "
        "[0, 0, 0, 0]");
  CHECK(max_pool(pool(3, 2, 2), f32({1, 2, 9, 9})) ==
        "argument error: maxPool2d: padding must be at most half of kernel [3, 3], got [2, 2, 2, 2] (top, "
        "bottom, left, "
        "right)");
  CHECK(max_pool(pool(3, 2), f32({2, 9, 9})) ==
        "shape error: maxPool2d: input must have 4 dimensions [n, c, h, w], got shape [2, 9, 9]");
  CHECK(
      max_pool(pool(3, 2), f32({1, 0, 9, 9})) ==
      "shape error: maxPool2d: input [1, 0, 9, 9] has images without elements; only the batch may be empty");
  CHECK(max_pool(pool(0, 2), f32({1, 2, 9, 9})) ==
        "argument error: maxPool2d: kernel must be at least 1, got [0, 0]");
  CHECK(max_pool(pool(2, 0), f32({1, 2, 9, 9})) ==
        "argument error: maxPool2d: stride must be at least 1, got [0, 0]");
  CHECK(max_pool(pool(2, 2, 0, false, 0), f32({1, 2, 9, 9})) ==
        "argument error: maxPool2d: dilation must be at least 1, got [0, 0]");
  CHECK(max_pool(pool(2, 2), u8({1, 2, 9, 9})) ==
        "dtype error: maxPool2d: input must be f32, f16 or bf16, got u8");
  CHECK(inferred(FUSOR_OP_AVG_POOL2D, pool(2, 2, 0, false, 2), {f32({1, 2, 9, 9})}) ==
        "argument error: avgPool2d: dilation must be 1 (only max pooling has it), got [2, 2]");
  auto wrong_flag = pool(2, 2);
  wrong_flag.ceil_mode = 2;
  CHECK(max_pool(wrong_flag, f32({1, 2, 9, 9})) ==
        "argument error: maxPool2d: ceilMode must be 0 or 1, got 2");
  CHECK(inferred(FUSOR_OP_ADAPTIVE_AVG_POOL2D, fusor_adaptive_pool2d_attributes{0, {-1, 1}},
                 {f32({8, 5, 7, 7})}) ==
        "argument error: adaptiveAvgPool2d: outputSize must be at least 0, got [-1, 1]");
}
