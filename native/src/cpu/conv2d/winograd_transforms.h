// The one-dimensional transforms of Winograd's filtering; a tile's are these along columns, then along rows.
// For a tile of M outputs of a 3-tap kernel:
//
//   stride 1, F(M, 3): M + 2 products instead of 3 M. In two dimensions 36 instead of 144 for M = 4, 25
//   instead of 81 for M = 3, 16 instead of 36 for M = 2.
//
//   stride 2, by phases: output i is the 2-tap kernel (w0, w2) over the even inputs, by F(M, 2) in M + 1
//   products, plus the 1-tap kernel (w1) over the odd ones, M products: 2 M + 1 instead of 3 M. In two
//   dimensions 81 instead of 144 for M = 4, 25 instead of 36 for M = 2.
//
// A row of Bt has the coefficients of the product of (x - point) over all other points, At has the points'
// powers, and G (winograd.cpp), made in f64, the points' powers over the product of their differences. At
// infinity stands the highest power alone.
//
// The points decide the error. F(4, 3): 0, +-sqrt(1/2), +-sqrt(2) have half the error of 0, +-1, +-2 at the
// same cost. F(3, 3) and F(4, 2): +-1/2, +-5/4, whose powers are exact, have 0.7 times the error of 0, +-1,
// 2, and pairs of opposite points share their work. F(2, 3): 0, +-1; F(2, 2): 0, 1.
//
// Include from *.simd.cpp only.
#pragma once

#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

struct WinogradF4 {
  static constexpr int kTile = 4, kPoints = 6, kInputStep = 4;
  static constexpr float a = 0.70710678118654752f, b = 1.41421356237309505f;
  // a^2 = 1/2, b^2 = 2, a^2 b^2 = 1, a^2 + b^2 = 5/2, a^3 = a / 2, b^3 = 2 b.

  static FUSOR_INLINE void input(const Vec (&x)[6], Vec (&y)[6]) {
    const Vec two = broadcast(2.f), half = broadcast(0.5f), sum = broadcast(2.5f), va = broadcast(a),
              vb = broadcast(b);
    const Vec even_a = x[4] - two * x[2], odd_a = x[3] - two * x[1];
    const Vec even_b = x[4] - half * x[2], odd_b = x[3] - half * x[1];
    y[0] = (x[0] + x[4]) - sum * x[2];
    y[1] = even_a + va * odd_a;
    y[2] = even_a - va * odd_a;
    y[3] = even_b + vb * odd_b;
    y[4] = even_b - vb * odd_b;
    y[5] = (x[1] + x[5]) - sum * x[3];
  }
  static FUSOR_INLINE void output(const Vec (&x)[6], Vec (&y)[4]) {
    const Vec two = broadcast(2.f), half = broadcast(0.5f), va = broadcast(a), vb = broadcast(b);
    const Vec a3 = broadcast(a / 2), b3 = broadcast(b * 2);
    const Vec sum_a = x[1] + x[2], difference_a = x[1] - x[2], sum_b = x[3] + x[4],
              difference_b = x[3] - x[4];
    y[0] = (x[0] + sum_a) + sum_b;
    y[1] = va * difference_a + vb * difference_b;
    y[2] = half * sum_a + two * sum_b;
    y[3] = (a3 * difference_a + x[5]) + b3 * difference_b;
  }
};

// The rows of Bt for the points a, -a, b, -b and infinity, of any five inputs.
template <class Scheme>
FUSOR_INLINE void transform_pairs(Vec x0, Vec x1, Vec x2, Vec x3, Vec x4, Vec* y) {
  constexpr float a = Scheme::a, b = Scheme::b;
  const Vec va = broadcast(a), vb = broadcast(b), a2 = broadcast(a * a), b2 = broadcast(b * b);
  const Vec even_a = x2 - b2 * x0, odd_a = x3 - b2 * x1;
  const Vec even_b = x2 - a2 * x0, odd_b = x3 - a2 * x1;
  y[0] = odd_a + va * even_a;
  y[1] = odd_a - va * even_a;
  y[2] = odd_b + vb * even_b;
  y[3] = odd_b - vb * even_b;
  y[4] = (x4 + broadcast(a * a * b * b) * x0) - broadcast(a * a + b * b) * x2;
}

struct WinogradF3 {
  static constexpr int kTile = 3, kPoints = 5, kInputStep = 3;
  static constexpr float a = 0.5f, b = 1.25f;

  static FUSOR_INLINE void input(const Vec (&x)[5], Vec (&y)[5]) {
    transform_pairs<WinogradF3>(x[0], x[1], x[2], x[3], x[4], y);
  }
  static FUSOR_INLINE void output(const Vec (&x)[5], Vec (&y)[3]) {
    const Vec sum_a = x[0] + x[1], difference_a = x[0] - x[1], sum_b = x[2] + x[3],
              difference_b = x[2] - x[3];
    y[0] = sum_a + sum_b;
    y[1] = broadcast(a) * difference_a + broadcast(b) * difference_b;
    y[2] = (broadcast(a * a) * sum_a + x[4]) + broadcast(b * b) * sum_b;
  }
};

struct WinogradF2 {
  static constexpr int kTile = 2, kPoints = 4, kInputStep = 2;

  static FUSOR_INLINE void input(const Vec (&x)[4], Vec (&y)[4]) {
    y[0] = x[0] - x[2];
    y[1] = x[1] + x[2];
    y[2] = x[2] - x[1];
    y[3] = x[3] - x[1];
  }
  static FUSOR_INLINE void output(const Vec (&x)[4], Vec (&y)[2]) {
    y[0] = (x[0] + x[1]) + x[2];
    y[1] = (x[1] - x[2]) + x[3];
  }
};

// Points a, -a, b, -b, infinity of the even inputs x0, x2, ... x8, then the odd inputs as they are.
struct WinogradStridedF4 {
  static constexpr int kTile = 4, kPoints = 9, kInputStep = 8;
  static constexpr float a = 0.5f, b = 1.25f;

  static FUSOR_INLINE void input(const Vec (&x)[9], Vec (&y)[9]) {
    transform_pairs<WinogradStridedF4>(x[0], x[2], x[4], x[6], x[8], y);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) y[5 + i] = x[2 * i + 1];
  }
  static FUSOR_INLINE void output(const Vec (&x)[9], Vec (&y)[4]) {
    const Vec sum_a = x[0] + x[1], difference_a = x[0] - x[1], sum_b = x[2] + x[3],
              difference_b = x[2] - x[3];
    y[0] = (sum_a + sum_b) + x[5];
    y[1] = (broadcast(a) * difference_a + x[6]) + broadcast(b) * difference_b;
    y[2] = (broadcast(a * a) * sum_a + x[7]) + broadcast(b * b) * sum_b;
    y[3] = (broadcast(a * a * a) * difference_a + (x[4] + x[8])) + broadcast(b * b * b) * difference_b;
  }
};

// Points 0, 1, infinity of the even inputs, then the odd inputs.
struct WinogradStridedF2 {
  static constexpr int kTile = 2, kPoints = 5, kInputStep = 4;

  static FUSOR_INLINE void input(const Vec (&x)[5], Vec (&y)[5]) {
    y[0] = x[0] - x[2];
    y[1] = x[2];
    y[2] = x[4] - x[2];
    y[3] = x[1];
    y[4] = x[3];
  }
  static FUSOR_INLINE void output(const Vec (&x)[5], Vec (&y)[2]) {
    y[0] = (x[0] + x[1]) + x[3];
    y[1] = (x[1] + x[2]) + x[4];
  }
};

}  // namespace
}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
