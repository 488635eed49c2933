// One pass: a read of x (and the residual) and a write of y; the limit is the bandwidth of a copy.
#include "cpu/batch_norm/batch_norm.h"

#include "cpu/simd/activation.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

FUSOR_INLINE Vec load_lanes(const float* p, int lanes) {
  return lanes == kLanes ? load(p) : load_partial(p, lanes);
}

enum class Parameters { One, Each, Blocked };
enum class Activation { None, Relu, Other };

template <Parameters kParameters, bool kResidual, Activation kActivation>
FUSOR_INLINE void run_vectors(const ScaleShift& run) {
  Vec mean, scale, shift;
  if (kParameters == Parameters::One)
    mean = broadcast(*run.mean), scale = broadcast(*run.scale), shift = broadcast(*run.shift);
  else
    mean = scale = shift = zero();
  if (kParameters == Parameters::Blocked)
    mean = load(run.mean), scale = load(run.scale), shift = load(run.shift);

  const int64_t count = kParameters == Parameters::Blocked ? run.count * kLanes : run.count;
  for (int64_t i = 0; i < count; i += kLanes) {
    const int lanes = count - i < kLanes ? static_cast<int>(count - i) : kLanes;
    if (kParameters == Parameters::Each) {
      mean = load_lanes(run.mean + i, lanes);
      scale = load_lanes(run.scale + i, lanes);
      shift = load_lanes(run.shift + i, lanes);
    }
    Vec v = multiply_add(load_lanes(run.x + i, lanes) - mean, scale, shift);
    if (kResidual) v = v + load_lanes(run.residual + i, lanes);
    if (kActivation == Activation::Relu) v = relu(v);
    if (kActivation == Activation::Other) v = activate(v, run.activation);
    if (lanes == kLanes)
      store(run.y + i, v);
    else
      store_partial(run.y + i, v, lanes);
  }
}

template <Parameters kParameters, bool kResidual>
void scale_shift_then(const ScaleShift& run) {
  switch (run.activation.kind) {
    case FUSOR_ACTIVATION_NONE:
      return run_vectors<kParameters, kResidual, Activation::None>(run);
    case FUSOR_ACTIVATION_RELU:
      return run_vectors<kParameters, kResidual, Activation::Relu>(run);
    default:
      return run_vectors<kParameters, kResidual, Activation::Other>(run);
  }
}
template <Parameters kParameters>
void scale_shift_with(const ScaleShift& given) {
  const ScaleShift run = given;  // in registers: no result can alias it
  run.residual ? scale_shift_then<kParameters, true>(run) : scale_shift_then<kParameters, false>(run);
}

void scales(const float* variance, const float* weight, double epsilon, int64_t count, float* scale) {
  for (int64_t i = 0; i < count; ++i) {
    const double gain = weight ? static_cast<double>(weight[i]) : 1.0;
    scale[i] = static_cast<float>(gain / __builtin_sqrt(static_cast<double>(variance[i]) + epsilon));
  }
}

// In double: a channel may have millions of elements, and the mean is subtracted from every one.
void statistics(const float* x, int64_t count, float* mean, float* squared_deviations) {
  double sum = 0;
  for (int64_t first = 0; first < count;) {
    // Vector sums of up to 256 vectors at a time lose no more than a few bits before they go to double.
    Vec partial = zero();
    const int64_t end = count - first < 256 * kLanes ? count : first + 256 * kLanes;
    for (; first + kLanes <= end; first += kLanes) partial = partial + load(x + first);
    if (first < end) partial = partial + load_partial(x + first, static_cast<int>(end - first)), first = end;
    for (int lane = 0; lane < kLanes; ++lane) sum += static_cast<double>(partial[lane]);
  }
  const double exact_mean = sum / static_cast<double>(count);
  const Vec means = broadcast(static_cast<float>(exact_mean));
  double squares = 0, deviations = 0;
  for (int64_t first = 0; first < count;) {
    Vec partial = zero(), partial_squares = zero();
    const int64_t end = count - first < 256 * kLanes ? count : first + 256 * kLanes;
    for (; first + kLanes <= end; first += kLanes) {
      const Vec d = load(x + first) - means;
      partial = partial + d;
      partial_squares = multiply_add(d, d, partial_squares);
    }
    for (; first < end; ++first) {
      const double d = static_cast<double>(x[first]) - static_cast<double>(means[0]);
      deviations += d;
      squares += d * d;
    }
    for (int lane = 0; lane < kLanes; ++lane) {
      deviations += static_cast<double>(partial[lane]);
      squares += static_cast<double>(partial_squares[lane]);
    }
  }
  *mean = static_cast<float>(exact_mean);
  *squared_deviations = static_cast<float>(squares - deviations * deviations / static_cast<double>(count));
}

}  // namespace

extern const BatchNormKernels batch_norm_kernels;
const BatchNormKernels batch_norm_kernels{scale_shift_with<Parameters::One>,
                                          scale_shift_with<Parameters::Each>,
                                          scale_shift_with<Parameters::Blocked>, scales, statistics};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
