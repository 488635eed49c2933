// Several neighbouring elements of an operand in registers.
#pragma once

#include <type_traits>

#include "arch/vector.h"

namespace fusor::cuda {

/** The first `count` of V elements at `p`, aligned to all V where count is V; the rest is left alone. Where
 * `repeats`, the one at `p` V times. V elements are 16 bytes or fewer, or whole vectors of 16 bytes.
 * `ReadOnce`: by nobody else, so that caches need not keep them. */
template <int V, bool ReadOnce = true, class T>
FUSOR_DEVICE void load_values(T (&x)[V], const T* p, bool repeats, int count) {
  constexpr int kPiece = sizeof(T) * V > 16 ? 16 / static_cast<int>(sizeof(T)) : V;
  if constexpr (V == 1) {
    x[0] = load<1>(p).values[0];
  } else if (repeats) {
    const T one = load<1>(p).values[0];
#pragma unroll
    for (int i = 0; i < V; ++i) x[i] = one;
  } else if (count == V) {
#pragma unroll
    for (int piece = 0; piece < V; piece += kPiece) {
      const Vector<T, kPiece> v = ReadOnce ? load_streaming<kPiece>(p + piece) : load<kPiece>(p + piece);
#pragma unroll
      for (int i = 0; i < kPiece; ++i) x[piece + i] = v.values[i];
    }
  } else {
#pragma unroll
    for (int i = 0; i < V; ++i)
      if (i < count) x[i] = load<1>(p + i).values[0];
  }
}

template <int V, class T>
FUSOR_DEVICE void store_values(T* p, const T (&x)[V], int count) {
  constexpr int kPiece = sizeof(T) * V > 16 ? 16 / static_cast<int>(sizeof(T)) : V;
  if (count == V) {
#pragma unroll
    for (int piece = 0; piece < V; piece += kPiece) {
      Vector<T, kPiece> v;
#pragma unroll
      for (int i = 0; i < kPiece; ++i) v.values[i] = x[piece + i];
      store(p + piece, v);
    }
  } else {
#pragma unroll
    for (int i = 0; i < V; ++i)
      if (i < count) store(p + i, Vector<T, 1>{{x[i]}});
  }
}

/** Per-channel parameters: f32 or the element type of the data, whichever they were given in. */
template <class T>
struct Parameter {
  const void* data = nullptr;  // null: absent
  bool is_f32 = true;

  FUSOR_DEVICE float at(int64_t i) const {
    if constexpr (!std::is_same_v<T, float>)
      if (!is_f32) return to_float(load<1>(static_cast<const T*>(data) + i).values[0]);
    return load<1>(static_cast<const float*>(data) + i).values[0];
  }

  /** As load_values, in float. */
  template <int V>
  FUSOR_DEVICE void values(float (&x)[V], int64_t first, bool repeats, int count) const {
    if constexpr (!std::is_same_v<T, float>) {
      if (!is_f32) {
        T raw[V];
        load_values<V, false>(raw, static_cast<const T*>(data) + first, repeats, count);
#pragma unroll
        for (int i = 0; i < V; ++i) x[i] = i < count ? to_float(raw[i]) : 0.f;
        return;
      }
    }
    load_values<V, false>(x, static_cast<const float*>(data) + first, repeats, count);
  }
};

}  // namespace fusor::cuda
