// Batch-norm: y = activation((x - mean) / sqrt(variance + eps) * weight + bias + residual) per channel, on
// contiguous [n, c, ...] and on channel-blocked images.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

// y[i] = activation((x[i] - mean) * scale + shift + residual[i]). One value of the parameters serves the
// whole run, or
// (`_each`) every element has its own, or (`_blocked`) a vector of them serves every pixel.
struct ScaleShift {
  const float* x;
  const float* residual;  // null: none
  float* y;
  int64_t count;  // elements; pixels where blocked
  const float *mean, *scale, *shift;
  fusor_activation activation;
};

struct BatchNormKernels {
  void (*scale_shift)(const ScaleShift& run);
  void (*scale_shift_each)(const ScaleShift& run);
  void (*scale_shift_blocked)(const ScaleShift& run);
  // scale = weight / sqrt(variance + epsilon), in double; `weight` null: 1.
  void (*scales)(const float* variance, const float* weight, double epsilon, int64_t count, float* scale);
  // Mean and sum of squared deviations of `count` (>= 1) elements.
  void (*statistics)(const float* x, int64_t count, float* mean, float* squared_deviations);
};

extern const OpEntry batch_norm_op, batch_norm_training_op;

}  // namespace fusor::cpu
