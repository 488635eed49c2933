/* The engine's C API: environments, tensors, ops and plans. @fusor/native's binding is built on it, and so
 * can be any addon that links libfusor (find_package(fusor)).
 *
 * Everything that computes is asynchronous: a call checks its arguments, puts work on the device's stream of
 * its environment and returns. Results are read through callbacks, which run on the stream's thread and must
 * return soon. Handles are reference-counted and may be released from any thread, also while work that uses
 * them is queued. Other functions on one environment are called from one thread at a time. No C++ exception
 * crosses this boundary. */
#ifndef FUSOR_FUSOR_H
#define FUSOR_FUSOR_H

#include "fusor/ops.h"
#include "fusor/types.h"

#if !defined(_WIN32)
#define FUSOR_API __attribute__((visibility("default")))
#elif defined(FUSOR_STATIC) /* the library itself, and programs that have its objects in them */
#define FUSOR_API
#else
#define FUSOR_API __declspec(dllimport)
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fusor_environment fusor_environment;
typedef struct fusor_tensor fusor_tensor;
typedef struct fusor_plan fusor_plan;

/* The version of this library, "0.1.0". */
FUSOR_API const char* fusor_version(void);

/* The message of this thread's last failing call; "" if none failed. */
FUSOR_API const char* fusor_last_error(void);

/* ---- devices
 * ----------------------------------------------------------------------------------------------------- */

/* Devices are numbered from 0; 0 is the CPU. Entries for devices that cannot be used say why in `reason`. */
typedef struct fusor_device_info {
  uint32_t struct_size;
  char id[32];   /* "cpu", "cuda:0" */
  char kind[16]; /* "cpu", "cuda" */
  char name[128];
  char instruction_set[32];
  char reason[512]; /* "" where available */
  int32_t available;
  int32_t compute_units;
  int64_t memory_bytes;
} fusor_device_info;

FUSOR_API int32_t fusor_device_count(void);
FUSOR_API fusor_status fusor_device_get(int32_t device, fusor_device_info* info);
/* Opens the library of a backend (libfusor_cuda.so) for good and appends its devices; a backend that can use
 * none gets one entry, which says why. Nothing happens if it is open already. This runs the library's code
 * and the driver's: where a broken driver must not end this process, try it in another one first. */
FUSOR_API fusor_status fusor_backend_load(const char* path);
/* Live tensors (storages, views count once) and their bytes on a device, plan arenas and packed weights
 * included. */
typedef struct fusor_memory_info {
  uint32_t struct_size;
  int64_t tensors;
  int64_t bytes; /* of tensors */
  int64_t plans;
  int64_t plan_bytes;
  int64_t reserved_bytes; /* that the backend took from the device, its cache included; 0 where it has none */
  int64_t limit_bytes;    /* of reserved_bytes; 0: none */
} fusor_memory_info;
FUSOR_API fusor_status fusor_memory_get(int32_t device, fusor_memory_info* info);
/* Gives cached device memory back to the system. */
FUSOR_API fusor_status fusor_memory_empty_cache(int32_t device);
/* Bounds what the backend may take from the device, from now on; 0 lifts the bound. FUSOR_ERROR_UNSUPPORTED
 * for devices without a store of their own, such as the CPU. */
FUSOR_API fusor_status fusor_memory_limit(int32_t device, int64_t bytes);
/* Threads of the process-wide CPU pool. 0 resets to the physical cores available to the process. */
FUSOR_API int32_t fusor_threads_get(void);
FUSOR_API fusor_status fusor_threads_set(int32_t threads);

/* ---- environments
 * ------------------------------------------------------------------------------------------------ */

/* Owns one stream per device it uses. Destroying drops queued work (callbacks get FUSOR_ERROR_DISPOSED), lets
 * the step under way finish and joins the threads. */
FUSOR_API fusor_status fusor_environment_create(fusor_environment** environment);
FUSOR_API void fusor_environment_destroy(fusor_environment* environment);

/* How asynchronous calls report. `message` is valid during the call and "" on success. */
typedef void (*fusor_callback)(void* user_data, fusor_status status, const char* message);

/* Calls back once everything queued on the device before it has run; reports the first failure that no tensor
 * carries. */
FUSOR_API fusor_status fusor_synchronize(fusor_environment* environment, int32_t device,
                                         fusor_callback callback, void* user_data);

/* ---- tensors
 * ----------------------------------------------------------------------------------------------------- */

typedef struct fusor_tensor_info {
  uint32_t struct_size;
  int32_t dtype;
  int32_t rank;
  int32_t device;
  int64_t sizes[FUSOR_MAX_RANK];
  int64_t strides[FUSOR_MAX_RANK]; /* logical, in elements; a backend may store the bytes otherwise */
  int64_t byte_size;               /* elements * size of one */
} fusor_tensor_info;

/* Copies `bytes` bytes of contiguous elements. Returns once they are copied. */
FUSOR_API fusor_status fusor_tensor_create(fusor_environment* environment, int32_t device, int32_t dtype,
                                           int32_t rank, const int64_t* sizes, const void* data,
                                           int64_t bytes, fusor_tensor** tensor);
/* Shares the caller's memory (CPU only): it must stay as it is until `release` is called, on any thread. */
FUSOR_API fusor_status fusor_tensor_wrap(fusor_environment* environment, int32_t dtype, int32_t rank,
                                         const int64_t* sizes, void* data, void (*release)(void* user_data),
                                         void* user_data, fusor_tensor** tensor);
FUSOR_API fusor_tensor* fusor_tensor_retain(fusor_tensor* tensor);
FUSOR_API void fusor_tensor_release(fusor_tensor* tensor);
FUSOR_API fusor_status fusor_tensor_get_info(const fusor_tensor* tensor, fusor_tensor_info* info);
/* Bytes of native memory that releasing this tensor would free at most (0 for views of other live tensors).
 */
FUSOR_API int64_t fusor_tensor_storage_bytes(const fusor_tensor* tensor);
/* Writes the logical elements, contiguous, to `destination` (exactly byte_size bytes) when the tensor is
 * ready. */
FUSOR_API fusor_status fusor_tensor_read(fusor_environment* environment, fusor_tensor* tensor,
                                         void* destination, int64_t bytes, fusor_callback callback,
                                         void* user_data);
/* The tensor's elements, contiguous, where they are: calls back with their address when the tensor is ready.
 * Without a copy if the tensor is contiguous in its storage (one that no view, such as a slice, was taken of
 * always is), else of a copy. On a device with memory of its own it is an address there. On the stream's
 * thread, whose work waits meanwhile: read, and return; the address is good until then. Failures come with
 * NULL. */
typedef void (*fusor_visit_callback)(void* user_data, fusor_status status, const char* message,
                                     const void* data, int64_t bytes);
FUSOR_API fusor_status fusor_tensor_visit(fusor_environment* environment, fusor_tensor* tensor,
                                          fusor_visit_callback callback, void* user_data);
/* A copy on another device (or the same tensor, retained, when it is there already). */
FUSOR_API fusor_status fusor_tensor_to_device(fusor_environment* environment, fusor_tensor* tensor,
                                              int32_t device, fusor_tensor** result);

/* ---- ops
 * ---------------------------------------------------------------------------------------------------------
 */

/* How an op's attributes are laid out, so that bindings and graph readers need no code per op. */
typedef enum fusor_attribute_type {
  FUSOR_ATTRIBUTE_INT32 = 0,
  FUSOR_ATTRIBUTE_INT64,
  FUSOR_ATTRIBUTE_UINT64,
  FUSOR_ATTRIBUTE_BOOL, /* int32_t 0 or 1 */
  FUSOR_ATTRIBUTE_FLOAT,
  FUSOR_ATTRIBUTE_DOUBLE,
  FUSOR_ATTRIBUTE_INT32_ARRAY, /* `count` elements, or a list whose length stands in the int32_t at
                                  count_offset */
  FUSOR_ATTRIBUTE_INT64_ARRAY,
  FUSOR_ATTRIBUTE_ENUM,      /* int32_t index into `names` */
  FUSOR_ATTRIBUTE_ACTIVATION /* fusor_activation */
} fusor_attribute_type;

typedef struct fusor_attribute_schema {
  const char* name; /* "padding", "normalizedRank" */
  int32_t type;
  int32_t offset;       /* in the op's struct */
  int32_t count;        /* arrays: length, or the greatest length where count_offset >= 0 */
  int32_t count_offset; /* -1: fixed length */
  const char* const* names;
  int32_t name_count;
} fusor_attribute_schema;

typedef struct fusor_op_schema {
  const char* name;    /* "conv2d": the name in graphs and messages */
  int32_t struct_size; /* of the attribute struct, 0 without one */
  const fusor_attribute_schema* attributes;
  int32_t attribute_count;
  const char* const* inputs; /* names of the inputs, for messages; concat has one name and any number */
  int32_t min_inputs, max_inputs;
  int32_t outputs;
} fusor_op_schema;

/* The schema of an op, NULL if there is none. Static memory. */
FUSOR_API const fusor_op_schema* fusor_op_get_schema(int32_t op);

/* Shapes and dtypes of an op's outputs, after all checks of its arguments. Only dtype, rank, sizes (and
 * device) of the infos are looked at; NULL entries are absent inputs. */
FUSOR_API fusor_status fusor_op_infer(int32_t op, const void* attributes,
                                      const fusor_tensor_info* const* inputs, int32_t input_count,
                                      fusor_tensor_info* outputs, int32_t output_count);

/* Checks, queues and returns new tensors. Ops without inputs run on `device`. `label` goes into the message
 * of a failure during execution ("conv2d" if NULL); it is copied. FUSOR_OP_ASSIGN gives no output. */
FUSOR_API fusor_status fusor_op_run(fusor_environment* environment, int32_t device, int32_t op,
                                    const void* attributes, fusor_tensor* const* inputs, int32_t input_count,
                                    fusor_tensor** outputs, int32_t output_count, const char* label);

/* ---- plans
 * ------------------------------------------------------------------------------------------------------- */

typedef struct fusor_plan_value {
  uint32_t struct_size;
  int32_t dtype;
  int32_t rank;
  int64_t sizes[FUSOR_MAX_RANK];
  fusor_tensor* constant; /* on the plan's device or the CPU; NULL: computed or an input */
} fusor_plan_value;

typedef struct fusor_plan_node {
  uint32_t struct_size;
  int32_t op;
  const void* attributes;
  const int32_t* inputs; /* -1: absent */
  int32_t input_count;
  const int32_t* outputs;
  int32_t output_count;
  const char* name;
} fusor_plan_node;

typedef struct fusor_plan_graph {
  uint32_t struct_size;
  const fusor_plan_value* values;
  int32_t value_count;
  const fusor_plan_node* nodes;
  int32_t node_count;
  const int32_t* inputs;
  int32_t input_count;
  const int32_t* outputs;
  int32_t output_count;
} fusor_plan_graph;

typedef struct fusor_plan_build_options {
  uint32_t struct_size;
  int32_t threads;
  int32_t tune; /* 0: table, 1: measure */
  int32_t winograd;
  int32_t deterministic;
  int32_t precision;
  /* Directory in which measurements are remembered; NULL or "": FUSOR_CACHE_DIR, else the user's cache
   * directory. Copied. */
  const char* cache_directory;
  int32_t chains; /* 0: where a cost model says that it is faster, 1: never, 2: wherever it can be */
} fusor_plan_build_options;

typedef void (*fusor_plan_callback)(void* user_data, fusor_status status, const char* message,
                                    fusor_plan* plan);

/* Checks the graph (every node as fusor_op_infer would, every value's shape), copies it and builds on the
 * stream. */
FUSOR_API fusor_status fusor_plan_build(fusor_environment* environment, int32_t device,
                                        const fusor_plan_graph* graph,
                                        const fusor_plan_build_options* options, fusor_plan_callback callback,
                                        void* user_data);
FUSOR_API fusor_plan* fusor_plan_retain(fusor_plan* plan);
FUSOR_API void fusor_plan_release(fusor_plan* plan);

/* Queues one run. Inputs are retained. `outputs` are made at once and filled when the run executes.
 * `callback` (may be NULL) reports when it has. Runs of one plan happen one after another. */
FUSOR_API fusor_status fusor_plan_run(fusor_environment* environment, fusor_plan* plan,
                                      fusor_tensor* const* inputs, int32_t input_count,
                                      fusor_tensor** outputs, int32_t output_count, fusor_callback callback,
                                      void* user_data);
/* As fusor_plan_run, one warm run first, then `repeats` timed ones; `seconds` (step_count values) gets the
 * median of each step and must live until the callback. */
FUSOR_API fusor_status fusor_plan_profile(fusor_environment* environment, fusor_plan* plan,
                                          fusor_tensor* const* inputs, int32_t input_count, int32_t repeats,
                                          double* seconds, fusor_callback callback, void* user_data);

typedef struct fusor_plan_summary {
  uint32_t struct_size;
  int32_t step_count;
  int64_t arena_bytes;
  int64_t packed_bytes;
} fusor_plan_summary;
typedef struct fusor_step_info {
  uint32_t struct_size;
  const char* name;
  const char* op;
  const char* algorithm;
  const char* instruction_set;
  int64_t flops;
  int64_t bytes;
} fusor_step_info;
FUSOR_API fusor_status fusor_plan_get_summary(const fusor_plan* plan, fusor_plan_summary* summary);
FUSOR_API fusor_status fusor_plan_get_step(const fusor_plan* plan, int32_t step, fusor_step_info* info);

/* ---- measuring
 * --------------------------------------------------------------------------------------------------- */

/* GFLOP/s of independent f32 fused multiply-adds in registers on `threads` cores (0 = all); `gflops` until
 * callback. */
FUSOR_API fusor_status fusor_measure_peak(fusor_environment* environment, int32_t device, int32_t threads,
                                          double* gflops, fusor_callback callback, void* user_data);

#ifdef __cplusplus
}
#endif
#endif
