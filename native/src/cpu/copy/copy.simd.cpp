// Transposition in micro-tiles of 16 x 16 elements: with 4-byte ones, each touches 16 whole cache lines on
// either side and uses all of them at once, so nothing depends on lines staying in a cache whose sets a
// power-of-two stride fills. Bound by memory: one read, one write.
#include "cpu/copy/copy.h"

#include "cpu/simd/stream.h"
#include "cpu/simd/transpose.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

constexpr int64_t kTile = 16;

template <class T>
FUSOR_INLINE void transpose_plain(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t rows,
                                  int64_t columns) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) to[r * to_stride + c] = from[c * from_stride + r];
  }
}

template <class T>
FUSOR_INLINE void transpose_tile(const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  transpose_plain(from, from_stride, to, to_stride, kTile, kTile);
}
template <>
FUSOR_INLINE void transpose_tile(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  for (int64_t r = 0; r < kTile; r += kLanes) {
    for (int64_t c = 0; c < kTile; c += kLanes) {
      Vec tile[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) tile[i] = load(from + (c + i) * from_stride + r);
      transpose(tile);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) store(to + (r + i) * to_stride + c, tile[i]);
    }
  }
}

template <class T>
void transpose_all(const void* source, int64_t from_stride, void* destination, int64_t to_stride,
                   int64_t rows, int64_t columns) {
  const T* from = static_cast<const T*>(source);
  T* to = static_cast<T*>(destination);
  const int64_t whole_rows = rows / kTile * kTile;
  int64_t c = 0;
  for (; c + kTile <= columns; c += kTile) {
    for (int64_t r = 0; r < whole_rows; r += kTile) {
      transpose_tile(from + c * from_stride + r, from_stride, to + r * to_stride + c, to_stride);
    }
  }
  transpose_plain(from + c * from_stride, from_stride, to + c, to_stride, whole_rows, columns - c);
  transpose_plain(from + whole_rows, from_stride, to + whole_rows * to_stride, to_stride, rows - whole_rows,
                  columns);
}

void stream(const void* source, void* destination, int64_t bytes) {
  const char* from = static_cast<const char*>(source);
  char* to = static_cast<char*>(destination);
  int64_t head = -reinterpret_cast<intptr_t>(to) & (FUSOR_SIMD_BYTES - 1);
  head = head < bytes ? head : bytes;
  __builtin_memcpy(to, from, static_cast<size_t>(head));
  int64_t i = head;
  for (; i + FUSOR_SIMD_BYTES <= bytes; i += FUSOR_SIMD_BYTES) {
    Vec v;
    __builtin_memcpy(&v, from + i, sizeof v);
    store_streaming(reinterpret_cast<float*>(to + i), v);
  }
  __builtin_memcpy(to + i, from + i, static_cast<size_t>(bytes - i));
}

}  // namespace

extern const CopyKernels copy_kernels;
// Floats stand for any 4 bytes: they are only loaded, shuffled and stored.
const CopyKernels copy_kernels = {
    {transpose_all<uint8_t>, transpose_all<uint16_t>, transpose_all<float>, transpose_all<uint64_t>}, stream};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
