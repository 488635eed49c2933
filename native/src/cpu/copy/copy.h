// Copies between strided buffers of any dtype.
#pragma once

#include <cstdint>

#include "cpu/isa/kernel_set.h"
#include "cpu/threads/pool.h"
#include "fusor/types.h"

namespace fusor::cpu {

struct CopyKernels {
  // to[r * to_stride + c] = from[c * from_stride + r] for all r < rows, c < columns; strides in elements.
  // [log2 of the element size]
  void (*transpose[4])(const void* from, int64_t from_stride, void* to, int64_t to_stride, int64_t rows,
                       int64_t columns);
  // Copies around the caches, for destinations that are too large to be found there again. No overlap.
  void (*stream)(const void* from, void* to, int64_t bytes);
};

// Copies `source` into `destination`, which have one shape and dtype and do not overlap. Strides of 0 in the
// source only. Inside a Pool::Turn.
void copy_strided(const KernelSet& kernels, Pool& pool, int threads, const fusor_buffer& source,
                  const fusor_buffer& destination);

}  // namespace fusor::cpu
