// Results that are written around the caches (see simd/stream.h), whatever the kernel that computes them: it
// writes pieces that stay in L1, and they are copied out. An ordinary store would read each line of the
// result first, which is a third of the traffic of an op with one operand.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/copy/copy.h"
#include "cpu/isa/kernel_set.h"
#include "cpu/memory/memory.h"

namespace fusor::cpu {

constexpr int64_t kStreamedPiece = 8192;  // bytes: a quarter of L1, beside the operands

// compute(to, first, count) writes elements first to first + count of `result` to `to`.
template <class T, class Compute>
void stream_result(const KernelSet& kernels, T* result, int64_t count, const Compute& compute) {
  constexpr int64_t kElements = kStreamedPiece / int64_t{sizeof(T)};
  alignas(64) T piece[kElements];
  for (int64_t first = 0; first < count; first += kElements) {
    const int64_t size = std::min(count - first, kElements);
    compute(piece, first, size);
    kernels.copy->stream(piece, result + first, size * int64_t{sizeof(T)});
  }
}

}  // namespace fusor::cpu
