// Layer-norm and its relatives over rows of `width` elements.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

struct LayerNormRows {
  const float* x;
  const float* residual;  // null: nothing is added
  const float* weight;    // null: ones
  const float* bias;      // null: zeros
  float* sum;             // x + residual; null without a residual
  float* output;
  int64_t rows, width;
  float epsilon;
  bool streams;  // the result is written around the caches
};

// At least one row of at least one element.
struct LayerNormKernels {
  void (*layer_norm)(const LayerNormRows& rows);
  void (*rms_norm)(const LayerNormRows& rows);
};

extern const OpEntry layer_norm_op, add_layer_norm_op, rms_norm_op;

}  // namespace fusor::cpu
