// activation((x - mean) / sqrt(variance + eps) * weight + bias + residual), the second half of batch-norm and
// group-norm: an elementwise op whose statistics and parameters are broadcast.
//
// Napkin: x (and the residual) read once, y written once; statistics and parameters come from the caches.
// 10 instructions an element where 26 are the time of a 16-bit one's memory.
#pragma once

#include "elementwise/elementwise.h"
#include "math/functions.h"

namespace fusor::cuda {

template <class T>
struct Normalise {
  // y; x, residual, mean and variance, weight and bias: parameters that lie alike share an offset
  static constexpr int kInputs = 4;
  template <int V>
  struct Loaded {
    T x[V], residual[V];
    int64_t statistics, parameters;
    unsigned repeats;
  };
  const T *x, *residual;  // residual: null without one
  Parameter<T> mean, variance, weight, bias;
  Parameter<T> mean_rest;  // of Moments; null where the mean is given
  T* y;
  float epsilon;
  fusor_activation activation;

  template <int V>
  FUSOR_DEVICE void read(Loaded<V>& l, const int64_t (&offset)[5], unsigned repeats, int count) const {
    load_values<V>(l.x, x + offset[1], false, count);
    if (residual != nullptr) load_values<V>(l.residual, residual + offset[2], false, count);
    l.statistics = offset[3];
    l.parameters = offset[4];
    l.repeats = repeats;
  }
  template <int V>
  FUSOR_DEVICE void write(const Loaded<V>& l, int64_t target, int count) const {
    float v[V], p[V];
    mean.values(p, l.statistics, l.repeats & 4, count);
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] = i < count ? to_float(l.x[i]) - p[i] : 0.f;
    if (mean_rest.data != nullptr) {
      mean_rest.values(p, l.statistics, l.repeats & 4, count);
#pragma unroll
      for (int i = 0; i < V; ++i) v[i] -= i < count ? p[i] : 0.f;
    }
    variance.values(p, l.statistics, l.repeats & 4, count);
#pragma unroll
    for (int i = 0; i < V; ++i) v[i] *= i < count ? rsqrtf(p[i] + epsilon) : 0.f;
    if (weight.data != nullptr) {
      weight.values(p, l.parameters, l.repeats & 8, count);
#pragma unroll
      for (int i = 0; i < V; ++i) v[i] *= i < count ? p[i] : 0.f;
    }
    if (bias.data != nullptr) {
      bias.values(p, l.parameters, l.repeats & 8, count);
#pragma unroll
      for (int i = 0; i < V; ++i) v[i] += i < count ? p[i] : 0.f;
    }
    if (residual != nullptr) {
#pragma unroll
      for (int i = 0; i < V; ++i) v[i] += i < count ? to_float(l.residual[i]) : 0.f;
    }
    activate(v, activation);
    T result[V];
#pragma unroll
    for (int i = 0; i < V; ++i) result[i] = from_float<T>(v[i]);
    store_values<V>(y + target, result, count);
  }
};

/** Of two arrays that are read alike, one that is not aligned to 16 bytes if there is one. */
inline const void* first_unaligned(const void* a, const void* b) {
  return reinterpret_cast<uintptr_t>(a) % 16 != 0 || b == nullptr ? a : b;
}

template <class T>
Parameter<T> parameter(const fusor_op_call& call, int32_t index) {
  if (index >= call.input_count || call.inputs[index] == nullptr) return {};
  return {data_pointer(*call.inputs[index]), call.inputs[index]->dtype == FUSOR_F32};
}

}  // namespace fusor::cuda
