/* What a backend implements: one struct of functions, the same for the CPU backend inside libfusor and for
 * backends loaded at run time (libfusor_cuda.so exports one symbol, fusor_backend_get).
 *
 * Two levels. Op level: one op on buffers, at once, for eager work. Plan level: a whole fused graph with its
 * constants, from which the backend makes packed weights and a list of steps; the engine lays out the arena
 * and walks the steps.
 *
 * Threads: functions marked [any] may be called from any thread at any time. All others are called from the
 * thread of the stream they are given (or the one their plan was built on), one at a time per stream.
 * Ownership: the caller owns every struct it passes; a backend copies what it keeps. Pointers that a backend
 * gives out live as long as the object they describe. Errors: a status, and text from last_error() on the
 * same thread. Work may fail late only where it says so. */
#ifndef FUSOR_BACKEND_H
#define FUSOR_BACKEND_H

#include "fusor/ops.h"
#include "fusor/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Raised with every change that an older engine or backend would misread. */
#define FUSOR_BACKEND_ABI_VERSION 3

typedef struct fusor_device_properties {
  uint32_t struct_size;
  char name[128];           /* "AMD EPYC 7B13", "NVIDIA H200" */
  char instruction_set[32]; /* "avx2", "sm_90a": what the kernels of this device were built for */
  int64_t memory_bytes;     /* 0 where the system decides */
  int32_t compute_units;    /* physical cores, streaming multiprocessors */
} fusor_device_properties;

/* What a backend holds of a device's memory. */
typedef struct fusor_backend_memory {
  uint32_t struct_size;
  int64_t reserved_bytes; /* taken from the system: in use, or kept for later */
  int64_t used_bytes;     /* of them, given out and not released */
  int64_t limit_bytes;    /* the most that may be reserved; 0: as much as there is */
} fusor_backend_memory;

/* One ordered queue of work on one device. Created and destroyed by the engine, one per environment and
 * device. */
typedef struct fusor_backend_stream fusor_backend_stream;

/* ---- op level
 * --------------------------------------------------------------------------------------------------- */

typedef struct fusor_op_call {
  uint32_t struct_size;
  int32_t op;             /* fusor_op */
  const void* attributes; /* the op's struct of ops.h, NULL for ops without one */
  const fusor_buffer* const* inputs;
  int32_t input_count; /* NULL entries are absent optional inputs */
  fusor_buffer* const* outputs;
  int32_t output_count;
} fusor_op_call;

/* ---- plan level
 * -------------------------------------------------------------------------------------------------- */

/* A value of a graph: an input, a constant, or what a node gives. Values are numbered from 0. */
typedef struct fusor_graph_value {
  uint32_t struct_size;
  int32_t dtype;
  int32_t rank;
  int64_t sizes[FUSOR_MAX_RANK];
  const fusor_buffer* constant; /* row-major without gaps, on the host; valid during plan_build only, and
                                   until release_constant. NULL: computed or an input */
} fusor_graph_value;

typedef struct fusor_graph_node {
  uint32_t struct_size;
  int32_t op;
  const void* attributes;
  const int32_t* inputs; /* value ids; -1 for an absent optional input */
  int32_t input_count;
  const int32_t* outputs;
  int32_t output_count;
  const char* name; /* e.g. "layer1.0.conv1", for describe(); never NULL */
} fusor_graph_node;

typedef struct fusor_graph {
  uint32_t struct_size;
  const fusor_graph_value* values;
  int32_t value_count;
  const fusor_graph_node* nodes; /* in an order that respects dependencies */
  int32_t node_count;
  const int32_t* inputs; /* value ids */
  int32_t input_count;
  const int32_t* outputs; /* value ids; may repeat, and may be inputs or constants */
  int32_t output_count;
  /* What plan_build may call, on its own thread, for a constant that it will not read again, so that weights
     and their packed forms are not all there at once; the constant's data is NULL then. */
  void (*release_constant)(void* release_context, int32_t value);
  void* release_context;
} fusor_graph;

typedef enum fusor_tune { FUSOR_TUNE_TABLE = 0, FUSOR_TUNE_MEASURE = 1 } fusor_tune;

/* How products of f32 matrices are computed. Sums are f32 in every case. */
typedef enum fusor_precision {
  FUSOR_PRECISION_F32 = 0,
  FUSOR_PRECISION_TF32 = 1,  /* operands rounded to 10 bits of mantissa */
  FUSOR_PRECISION_BF16X3 = 2 /* operands split into bf16 pairs, three products: close to f32 */
} fusor_precision;

/* Whether a GPU computes convolutions that follow each other in one kernel, results in between staying on the
 * chip. */
typedef enum fusor_chains {
  FUSOR_CHAINS_AUTO = 0,  /* where a cost model says that it is faster */
  FUSOR_CHAINS_NEVER = 1, /* each by itself */
  FUSOR_CHAINS_ALWAYS = 2 /* wherever there is a kernel for it */
} fusor_chains;

typedef struct fusor_plan_options {
  uint32_t struct_size;
  int32_t threads;       /* CPU: 0 = as many as the pool has */
  int32_t tune;          /* fusor_tune */
  int32_t winograd;      /* 0 forbids it */
  int32_t deterministic; /* 1: algorithms ignore the batch size too */
  int32_t precision;     /* fusor_precision: of products of f32; the CPU ignores it */
  /* Where measurements are remembered; NULL: the backend's default place. Valid during the call. */
  const char* cache_directory;
  int32_t chains; /* fusor_chains; the CPU ignores it */
} fusor_plan_options;

/* Memory that a plan needs while it runs, besides its inputs and outputs: an activation or a step's
 * workspace. */
typedef struct fusor_plan_buffer {
  uint32_t struct_size;
  int64_t bytes;
  int64_t alignment; /* power of two */
  /* Steps that touch it, inclusive. Buffers whose ranges do not meet may share memory ... */
  int32_t first_step, last_step;
  /* ... if their classes are equal. Buffers of one class other than 0 have the same size and geometry, and
   * the backend keeps their zero borders (halo, padding lanes) intact, so these are zeroed once, when the
   * arena is made. Class 0 shares with anything of class 0 and starts with undefined bytes. */
  int32_t reuse_class;
} fusor_plan_buffer;

typedef struct fusor_plan_step {
  uint32_t struct_size;
  const char* name;      /* of the node(s): "layer1.0.conv1 + layer1.0.relu" */
  const char* op;        /* "conv2d", "reshape to blocked", ... */
  const char* algorithm; /* "winograd f4", "direct 6x16", ...; with the reason: "winograd f4 (table)" */
  const char* instruction_set;
  int64_t flops; /* of the mathematical operation (2 per multiply-add of the direct algorithm) */
  int64_t bytes; /* least traffic: inputs, weights and outputs once each */
} fusor_plan_step;

typedef struct fusor_backend_plan fusor_backend_plan;

typedef struct fusor_plan_info {
  uint32_t struct_size;
  int32_t step_count;
  int32_t buffer_count;
  int64_t packed_bytes; /* weights held by the plan, as packed */
} fusor_plan_info;

/* Where the memory of one run lies. Inputs and outputs are strided, contiguous and aligned to 64 bytes;
 * outputs do not overlap anything. An output value that is also an input or a constant is copied by the
 * plan's own steps. */
typedef struct fusor_plan_memory {
  uint32_t struct_size;
  void* const* buffers; /* buffer_count pointers into the arena */
  const void* const* inputs;
  void* const* outputs;
} fusor_plan_memory;

/* ---- the backend
 * ------------------------------------------------------------------------------------------------- */

typedef struct fusor_backend {
  uint32_t struct_size;
  uint32_t abi_version;
  const char* kind;  /* "cpu", "cuda", "cuda-emulated": devices are called kind:index */
  const char* build; /* version and build flags, for devices() and bug reports */
  /* The four members above stay as they are in every version of this interface, so that an engine can say
   * what it was given and which side is older. */

  const char* (*last_error)(void); /* [any] */

  /* Devices. [any] An unusable backend has 0 devices and says why in `reason` (never NULL). */
  int32_t (*device_count)(const char** reason);
  fusor_status (*device_properties)(int32_t device, fusor_device_properties* properties);
  /* Threads used by op level calls and plans that ask for 0. Backends without host threads return 0. [any] */
  int32_t (*get_threads)(void);
  fusor_status (*set_threads)(int32_t threads);

  /* Memory. [any] `allocate` gives 64-byte alignment at least; zero bytes give a valid pointer. `release` may
   * come while work that was given the block earlier is still under way on a stream of the device: a backend
   * whose streams run ahead of the host keeps the block until they have passed. */
  fusor_status (*allocate)(int32_t device, int64_t bytes, void** pointer);
  void (*release)(int32_t device, void* pointer, int64_t bytes);
  /* The arena of a plan: zeroed, in huge pages where the system has them. */
  fusor_status (*allocate_arena)(int32_t device, int64_t bytes, void** pointer);
  void (*release_arena)(int32_t device, void* pointer, int64_t bytes);

  /* Streams. `synchronize` returns when everything given to the stream has finished; late errors appear
   * there. */
  fusor_status (*stream_create)(int32_t device, fusor_backend_stream** stream);
  void (*stream_destroy)(fusor_backend_stream* stream);
  fusor_status (*stream_synchronize)(fusor_backend_stream* stream);
  /* Copies between host and device memory in stream order. The host's bytes may change as soon as
   * copy_to_device returns; those of copy_to_host are there after the next stream_synchronize. */
  fusor_status (*copy_to_device)(fusor_backend_stream* stream, void* device_pointer, const void* host,
                                 int64_t bytes);
  fusor_status (*copy_to_host)(fusor_backend_stream* stream, void* host, const void* device_pointer,
                               int64_t bytes);

  /* Op level. `prepare_op` fills the layout, strides, block, halo and byte_size of the outputs (their dtype,
   * rank and sizes are set), looking at the geometry of the inputs only: FUSOR_ERROR_UNSUPPORTED where there
   * is no such kernel. The engine then allocates, zeroing nothing, and calls `run_op`. Every layout that this
   * backend gives out, and any strides, are accepted as input by all its ops. FUSOR_OP_RESHAPE, PERMUTE,
   * SLICE, EXPAND and ASSIGN never arrive. */
  fusor_status (*prepare_op)(fusor_backend_stream* stream, const fusor_op_call* call);
  fusor_status (*run_op)(fusor_backend_stream* stream, const fusor_op_call* call);
  /* Copies `source` into `destination`, both of one shape and dtype, from any layout and strides into any. */
  fusor_status (*convert_layout)(fusor_backend_stream* stream, const fusor_buffer* source,
                                 const fusor_buffer* destination);
  /* The storage with this identity is gone: drop what was prepared for it. [any] */
  void (*forget)(uint64_t identity);

  /* Plan level. Building may take long (packing weights, measuring). The plan keeps nothing of `graph`. */
  fusor_status (*plan_build)(fusor_backend_stream* stream, const fusor_graph* graph,
                             const fusor_plan_options* options, fusor_backend_plan** plan);
  void (*plan_destroy)(fusor_backend_plan* plan); /* [any], not while the plan runs */
  fusor_status (*plan_info)(const fusor_backend_plan* plan, fusor_plan_info* info);
  fusor_status (*plan_buffer)(const fusor_backend_plan* plan, int32_t index, fusor_plan_buffer* buffer);
  fusor_status (*plan_step)(const fusor_backend_plan* plan, int32_t index, fusor_plan_step* step);
  /* Around the steps of one run: the CPU backend takes its turn at the thread pool here, CUDA begins or
   * replays a captured graph. `begin` may set *replayed to 1: the whole run was issued, do not call run_step.
   */
  fusor_status (*plan_begin)(fusor_backend_plan* plan, fusor_backend_stream* stream,
                             const fusor_plan_memory* memory, int32_t* replayed);
  fusor_status (*plan_run_step)(fusor_backend_plan* plan, fusor_backend_stream* stream, int32_t step,
                                const fusor_plan_memory* memory);
  fusor_status (*plan_end)(fusor_backend_plan* plan, fusor_backend_stream* stream);

  /* GFLOP/s of a loop of independent f32 fused multiply-adds on `threads` cores; 0 threads = all. */
  fusor_status (*measure_peak)(fusor_backend_stream* stream, int32_t threads, double* gflops);

  /* Whether the backend has a kernel for these dtypes, ranks and attributes: FUSOR_ERROR_DTYPE or
   * FUSOR_ERROR_UNSUPPORTED where not. All buffers are contiguous and without data; the outputs' may be
   * written to. The engine asks while an op is being called, so that it fails where the mistake is. [any]
   * NULL: only prepare_op knows. */
  fusor_status (*supports)(const fusor_op_call* call);

  /* A backend's own store of device memory. [any] NULL, all three, where released memory goes straight back
   * to the system. `empty_cache` gives back what is not in use; `limit_memory` bounds what is reserved from
   * now on (0: no bound). */
  fusor_status (*memory_info)(int32_t device, fusor_backend_memory* info);
  fusor_status (*empty_cache)(int32_t device);
  fusor_status (*limit_memory)(int32_t device, int64_t bytes);

  /* One run of a plan step by step, instead of begin, run_step and end, with the time of each step by the
   * device's own clock. Waits for it. NULL: the engine takes the host's time around each run_step. */
  fusor_status (*plan_time)(fusor_backend_plan* plan, fusor_backend_stream* stream,
                            const fusor_plan_memory* memory, double* seconds);

  /* For runs that are issued while earlier ones still compute. `stream_mark` puts a mark behind everything
   * given to the stream so far; `stream_wait` returns when what is before the oldest mark not yet waited for
   * has finished; late errors appear there. NULL, both: nothing is under way when a call returns. */
  fusor_status (*stream_mark)(fusor_backend_stream* stream);
  fusor_status (*stream_wait)(fusor_backend_stream* stream);
} fusor_backend;

/* The one exported symbol of a loaded backend. `abi_version` is the engine's; a backend of another version
 * gives its own struct all the same, and the engine refuses it by name. */
typedef const fusor_backend* (*fusor_backend_get_function)(uint32_t abi_version);

#ifdef __cplusplus
}
#endif
#endif
