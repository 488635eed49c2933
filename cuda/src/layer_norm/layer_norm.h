// y = (s - mean(s)) / sqrt(variance(s) + eps) * weight + bias over rows of s = x + residual (Ba, Kiros,
// Hinton 2016).
#pragma once

#include "arch/stream.h"
#include "backend/op_table.h"

namespace fusor::cuda {

struct LayerNormArguments {
  fusor_dtype dtype = FUSOR_F32; /* of all buffers: f32, f16 or bf16 */
  int64_t rows = 0, width = 0;   /* of x, row-major without gaps */
  const void* x = nullptr;
  const void* residual = nullptr; /* shape of x; nullptr: s = x */
  const void* weight = nullptr;   /* [width]; nullptr: ones */
  const void* bias = nullptr;     /* [width]; nullptr: zeros */
  bool weight_is_f32 = false;     /* else of dtype */
  bool bias_is_f32 = false;
  void* sum = nullptr;    /* s, rounded to dtype; nullptr: not wanted */
  void* output = nullptr; /* y; may be x, residual or neither */
  float eps = 1e-5f;
  bool is_rms = false; /* no mean is subtracted */
};

/** Layer-norm with an optional add before it. What is normalised is the sum as stored, so that the result is
 * that of the two ops one after the other. */
Status add_layer_norm(Stream& stream, const LayerNormArguments& arguments);

extern const OpEntry kLayerNorm;
extern const OpEntry kAddLayerNorm;
extern const OpEntry kRmsNorm;

}  // namespace fusor::cuda
