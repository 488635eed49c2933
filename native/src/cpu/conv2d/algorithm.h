// What the algorithms share. Each has a `fits` that says whether it can do a shape, and a `make`.
#pragma once

#include <memory>

#include "cpu/conv2d/convolution.h"
#include "cpu/conv2d/kernels.h"

namespace fusor::cpu {

struct ConvolutionRequest {
  const KernelSet& kernels;
  Pool& pool;
  const ConvolutionShape& shape;
  const float* weight;  // [k, c / groups, r, s]
  const float* bias;    // [k] or null
  const fusor_activation& activation;
  PackedMemory* memory;  // for the weights; null: of their own
};

constexpr int64_t ceil_divide(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Runs work(index) for 0 <= index < count, shared by the pool's threads.
template <class Work>
void parallel_for(Pool& pool, int threads, int64_t count, Work&& work) {
  WorkShares shares(count, threads);
  pool.share(threads, [&](const Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) work(item);
  });
}

class ConvolutionBase : public Convolution {
 public:
  int64_t packed_bytes() const override { return weights_.bytes() + bias_.bytes(); }
  InputForm input_form() const override { return InputForm::Blocked; }

 protected:
  explicit ConvolutionBase(const ConvolutionRequest& request);

  // The target of one image, for the kernels.
  ConvolutionTarget target(const Arguments& arguments, int64_t image) const;
  // Rows and columns around the image that the taps of all output pixels reach.
  Halo reached_halo() const;

  // Nothing to compute.
  bool empty() const { return shape_.n * shape_.c * shape_.k * shape_.p * shape_.q == 0; }
  int lanes() const { return kernels_.lanes; }
  const KernelSet& kernels_;
  ConvolutionShape shape_;
  int64_t input_blocks_, output_blocks_;
  PackedFloats weights_;

 private:
  fusor_activation activation_;
  PackedFloats bias_;  // the bias, then the mask of lanes below k
};

// "direct": any kernel, stride, padding and dilation; one group, or groups of whole channel blocks. 1x1
// kernels go by the name of "pointwise".
bool direct_fits(const KernelSet& kernels, const ConvolutionShape& shape);
std::unique_ptr<Convolution> make_direct(const ConvolutionRequest& request);

// "winograd f4", "winograd f3" and "winograd f2": 3x3, stride 1, dilation 1, one group.
bool winograd_fits(const KernelSet& kernels, const ConvolutionShape& shape);
std::unique_ptr<Convolution> make_winograd4(const ConvolutionRequest& request);
std::unique_ptr<Convolution> make_winograd3(const ConvolutionRequest& request);
std::unique_ptr<Convolution> make_winograd2(const ConvolutionRequest& request);

// "winograd f4 strided" and "winograd f2 strided": the same at stride 2.
bool winograd_strided_fits(const KernelSet& kernels, const ConvolutionShape& shape);
std::unique_ptr<Convolution> make_winograd4_strided(const ConvolutionRequest& request);
std::unique_ptr<Convolution> make_winograd2_strided(const ConvolutionRequest& request);

// "depthwise": groups == c == k. "grouped": all other groups, whatever their sizes.
bool depthwise_fits(const KernelSet& kernels, const ConvolutionShape& shape);
std::unique_ptr<Convolution> make_depthwise(const ConvolutionRequest& request);
bool grouped_fits(const KernelSet& kernels, const ConvolutionShape& shape);
std::unique_ptr<Convolution> make_grouped(const ConvolutionRequest& request);

// "stem": up to 4 input channels, read as planes; one group.
bool stem_fits(const KernelSet& kernels, const ConvolutionShape& shape);
std::unique_ptr<Convolution> make_stem(const ConvolutionRequest& request);
// "winograd stem": of these a kernel of 7 rows at stride 2, and rows of a register tile's pixels or more.
bool winograd_stem_fits(const KernelSet& kernels, const ConvolutionShape& shape);
std::unique_ptr<Convolution> make_winograd_stem(const ConvolutionRequest& request);

}  // namespace fusor::cpu
