#include "cpu/conv2d/algorithm.h"

#include <algorithm>
#include <bit>

namespace fusor::cpu {

ConvolutionBase::ConvolutionBase(const ConvolutionRequest& request)
    : kernels_(request.kernels),
      shape_(request.shape),
      input_blocks_(ceil_divide(request.shape.c, request.kernels.lanes)),
      output_blocks_(ceil_divide(request.shape.k, request.kernels.lanes)),
      activation_(request.activation),
      bias_(2 * output_blocks_ * request.kernels.lanes, request.memory) {
  if (request.bias) std::copy_n(request.bias, shape_.k, bias_.data());
  std::fill_n(bias_.data() + output_blocks_ * lanes(), shape_.k, std::bit_cast<float>(int32_t{-1}));
}

ConvolutionTarget ConvolutionBase::target(const Arguments& arguments, int64_t image) const {
  ConvolutionTarget target{};
  target.bias = bias_.data();
  target.mask = reinterpret_cast<const int32_t*>(bias_.data() + output_blocks_ * lanes());
  target.output = arguments.output.at(image, 0, 0, 0);
  target.output_block = arguments.output.shape.block_stride();
  target.output_row = arguments.output.shape.row_stride();
  if (arguments.residual) {
    target.residual = arguments.residual->at(image, 0, 0, 0);
    target.residual_block = arguments.residual->shape.block_stride();
    target.residual_row = arguments.residual->shape.row_stride();
  }
  target.activation = activation_;
  return target;
}

Halo ConvolutionBase::reached_halo() const {
  const auto past = [](int64_t outputs, int64_t stride, int64_t kernel, int64_t dilation, int64_t padding,
                       int64_t size) {
    return static_cast<int32_t>(
        std::max<int64_t>(0, (outputs - 1) * stride + (kernel - 1) * dilation + 1 - padding - size));
  };
  Halo halo;
  halo.top = shape_.padding[0];
  halo.left = shape_.padding[2];
  halo.bottom = past(shape_.p, shape_.stride[0], shape_.r, shape_.dilation[0], shape_.padding[0], shape_.h);
  halo.right = past(shape_.q, shape_.stride[1], shape_.s, shape_.dilation[1], shape_.padding[2], shape_.w);
  return halo;
}

}  // namespace fusor::cpu
