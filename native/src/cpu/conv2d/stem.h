// Convolution of few input channels, some rows at a time, by plain sums (stem.cpp) or by Winograd's minimal
// filtering (stem_winograd.cpp): what the stem alone and the stem with a max-pool behind it
// (stem_max_pool.cpp) share.
#pragma once

#include "cpu/conv2d/algorithm.h"

namespace fusor::cpu {

enum class StemMethod { Sums, Winograd };

class StemRowsConvolution : public ConvolutionBase {
 public:
  InputForm input_form() const override { return InputForm::Planar; }
  Halo input_halo() const override { return {}; }

 protected:
  // `most_rows` of the output at a time.
  StemRowsConvolution(const ConvolutionRequest& request, StemMethod method, int64_t most_rows);

  // Rows begin to end of one image, whose planes are `planes`. `taps` is what write_taps made, `copy` the
  // thread's copy_floats(). A row's bits do not depend on the rows that are asked for with it.
  void compute_rows(const float* planes, const int64_t* taps, float* copy, int64_t begin, int64_t end,
                    const ConvolutionTarget& target) const;
  void write_taps(int64_t* taps) const;
  int64_t taps_floats() const { return ceil_divide(taps_ * 2, 16) * 16; }
  // One line more, so that the threads' copies do not lie at the same addresses modulo 4 KB.
  int64_t copy_floats() const { return copied_floats() + transformed_floats() + 16; }

  const StemMethod method_;

 private:
  void compute_by_sums(const float* planes, const int64_t* taps, float* copy, int64_t begin, int64_t end,
                       const ConvolutionTarget& target) const;
  void compute_by_winograd(const float* planes, const int64_t* taps, float* copy, int64_t begin, int64_t end,
                           const ConvolutionTarget& target) const;
  void pack_for_sums(const ConvolutionRequest& request);
  void pack_for_winograd(const ConvolutionRequest& request);
  void copy_padded(const float* planes, int64_t first, float* copy) const;
  int64_t copied_floats() const { return shape_.c * copy_rows_ * copy_width_; }
  int64_t transformed_floats() const {
    return method_ == StemMethod::Winograd ? kStemPoints * 2 * shape_.c * copy_width_ : 0;
  }

  int64_t copy_rows_, copy_width_, taps_;
};

}  // namespace fusor::cpu
