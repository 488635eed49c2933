// How an op is registered with this backend. One entry per op: its folder defines it
// (layer_norm/layer_norm_op.cpp: `const OpEntry kLayerNorm = {...}`, declared in layer_norm/layer_norm_op.h),
// op_table.cpp lists it. Eager calls and steps of plans both go through it.
//
// What an entry can rely on, in prepare and in run: the engine has checked shapes, dtypes' agreement and
// attributes (see native/src/op); inputs have the form that the entry asks for; all buffers are
// FUSOR_LAYOUT_STRIDED. Sizes may be 0 and products may exceed 2^31. Past the rank, sizes are 1.
#pragma once

#include <cstdint>
#include <string>

#include "arch/stream.h"
#include "backend/buffer.h"
#include "fusor/backend.h"

namespace fusor::cuda {

struct IndexFault;

/** What a plan was asked for; eager calls have the defaults. */
struct OpOptions {
  int32_t precision = FUSOR_PRECISION_F32;
  bool deterministic = false; /* the order of a sum depends on nothing that a batch's size is part of */
};

/** What a run has besides its buffers. Work that it issues goes to `stream`, in order; nothing waits. */
class OpContext {
 public:
  virtual ~OpContext() = default;

  Stream& stream;
  const OpOptions options;

  /** Device memory for the length of this op, 256-byte aligned, contents undefined. */
  virtual Status workspace(int64_t bytes, void** pointer) = 0;
  /** `source` itself if it is row-major and 16-byte aligned, else a copy that is, for the length of this op.
   */
  virtual Status row_major(const fusor_buffer& source, fusor_buffer* result) = 0;
  /** The same in channels-last order; rank 4 only. */
  virtual Status channels_last(const fusor_buffer& source, fusor_buffer* result) = 0;
  /** Where the op's kernels report an index that is out of range (index/fault.h). Whoever runs the op then
   * waits for them before it says that all is well. */
  virtual Status index_fault(IndexFault** fault) = 0;
  /** Whether input `index` is a plan's constant, which no launch before this one has written. */
  bool is_constant(int32_t index) const { return index < 32 && (constants >> index & 1) != 0; }

 protected:
  OpContext(Stream& stream, const OpOptions& options) : stream(stream), options(options) {}

  uint32_t constants = 0; /* bit i: input i of the step under way is one */
};

/** How an op wants its inputs. What comes otherwise is copied before `prepare` sees it. */
enum class InputForm : uint8_t {
  kAnyStrides,   /* as they come: stride 0 (expanded) and unaligned starts included */
  kRowMajor,     /* without gaps, starting at a multiple of 16 bytes */
  kChannelsLast, /* rank 4: n, h, w, c (weights: k, r, s, c) without gaps, 16-byte aligned; other ranks
                    row-major */
  kDense         /* row-major, or rank 4 and channels last, each input on its own; 16-byte aligned */
};

struct OpEntry {
  int32_t op; /* fusor_op */
  InputForm inputs;
  /** Bit i: input i is a weight. Its copy in the form asked for is kept until its bytes change. */
  uint32_t weights;
  /** Says which dtypes there are kernels for (FUSOR_ERROR_DTYPE, FUSOR_ERROR_UNSUPPORTED with a text that
   * begins after the op's name: "weight must be f32"), and lays out the outputs, which arrive row-major:
   * set_channels_last where the kernel writes images so, set_strides_like(...) where it keeps the input's
   * order. Looks at geometry only. Null: floats, all of input 0's dtype, row-major outputs. */
  Status (*prepare)(const fusor_op_call& call);
  Status (*run)(OpContext& context, const fusor_op_call& call);
  /** For describe(): which kernel this call gets and why, "implicit gemm 128x128, tma (table)". Null: nothing
   * to say. */
  std::string (*algorithm)(const DeviceProperties& properties, const fusor_op_call& call,
                           const OpOptions& options) = nullptr;
};

/** Null for an op without kernels here. */
const OpEntry* find_op(int32_t op);

/** FUSOR_ERROR_DTYPE unless input `index` is one of f32, f16, bf16 (or absent). */
Status require_float(const fusor_op_call& call, int32_t index);
/** FUSOR_ERROR_DTYPE unless all inputs there are have one float dtype: what a null `prepare` checks. */
Status require_floats(const fusor_op_call& call);

}  // namespace fusor::cuda
