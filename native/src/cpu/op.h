// How an op is registered with the CPU backend's op level. One row per op in registry.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/geometry.h"
#include "cpu/isa/kernel_set.h"
#include "cpu/threads/pool.h"
#include "fusor/backend.h"

namespace fusor::cpu {

// Memory for the length of one op or plan step, 64-byte aligned, kept by the stream for the next. Frames
// nest.
class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  void* allocate(int64_t bytes);  // null when out of memory
  float* floats(int64_t count) {
    return static_cast<float*>(allocate(count * static_cast<int64_t>(sizeof(float))));
  }
  void reset();  // everything allocated since the last reset is free again; keeps at most a few MB

 private:
  struct Chunk;
  Chunk* chunks_ = nullptr;
};

struct OpContext {
  const KernelSet& kernels;
  Pool& pool;  // run() is inside a Pool::Turn
  int threads;
  Scratch& scratch;
};

struct OpEntry {
  int32_t op;
  // Inputs that the op does not take as they are, the backend makes contiguous first.
  bool takes_strides;  // any strides, byte offsets aligned to the element
  bool takes_blocked;  // FUSOR_LAYOUT_BLOCKED inputs
  // Checks dtypes (FUSOR_ERROR_DTYPE with a message) and sets the outputs' layout. Null: f32 inputs only and
  // contiguous outputs. Outputs arrive as contiguous; a function changes what it wants otherwise.
  fusor_status (*prepare)(const KernelSet& kernels, const fusor_op_call& call);
  fusor_status (*run)(OpContext& context, const fusor_op_call& call);
};

// Null for an op without CPU kernels.
const OpEntry* find_op(int32_t op);

// Makes the outputs contiguous, then calls the entry's prepare, or checks that inputs are f32 where it has
// none.
fusor_status prepare_op_entry(const OpEntry& entry, const KernelSet& kernels, const fusor_op_call& call);

// Sets the calling thread's message for last_error() and returns `status`.
fusor_status fail(fusor_status status, const char* format, ...) __attribute__((format(printf, 2, 3)));

}  // namespace fusor::cpu
