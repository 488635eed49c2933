/* Types shared by the engine's C API (fusor.h) and the backend ABI (backend.h). Plain C, no functions. */
#ifndef FUSOR_TYPES_H
#define FUSOR_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FUSOR_MAX_RANK 8

/* What a call came to. Anything but FUSOR_OK leaves a message behind (see fusor_last_error and
 * fusor_backend.last_error), which belongs to the calling thread and lasts until its next failing call. */
typedef enum fusor_status {
  FUSOR_OK = 0,
  FUSOR_ERROR_ARGUMENT = 1,      /* a value out of its range */
  FUSOR_ERROR_SHAPE = 2,         /* sizes that do not fit together */
  FUSOR_ERROR_DTYPE = 3,         /* an element type that the op does not take */
  FUSOR_ERROR_DEVICE = 4,        /* no such device, or tensors of several devices */
  FUSOR_ERROR_DEVICE_LOST = 5,   /* a sticky device failure: nothing on the device works any more */
  FUSOR_ERROR_OUT_OF_MEMORY = 6, /* this allocation failed; smaller ones may not */
  FUSOR_ERROR_UNSUPPORTED = 7,   /* the backend does not have this op for these arguments */
  FUSOR_ERROR_QUEUE_FULL = 8,    /* too much eager work is queued; synchronize first */
  FUSOR_ERROR_DISPOSED = 9,      /* the object was released, or its environment is shutting down */
  FUSOR_ERROR_INTERNAL = 10
} fusor_status;

/* Element types. 16-bit floats travel as their bits. There is no boolean type: comparisons give FUSOR_U8, 0
 * or 1. */
typedef enum fusor_dtype {
  FUSOR_F32 = 0,
  FUSOR_F16 = 1,
  FUSOR_BF16 = 2,
  FUSOR_I32 = 3,
  FUSOR_I64 = 4,
  FUSOR_U8 = 5
} fusor_dtype;
#define FUSOR_DTYPE_COUNT 6

/* How a buffer's bytes lie.
 * FUSOR_LAYOUT_STRIDED: element (i0, i1, ...) lies at data + byte_offset + sum(i_k * strides[k]) elements.
 * FUSOR_LAYOUT_BLOCKED: rank 4 (n, c, h, w), channels in blocks of `block` lanes:
 *   [n][ceil(c / block)][h + halo rows][w + halo columns][block]; lanes past c are zero, and so is the halo.
 *   Only the backend that wrote it reads it; the engine asks the backend to convert (see convert_layout). */
typedef enum fusor_layout { FUSOR_LAYOUT_STRIDED = 0, FUSOR_LAYOUT_BLOCKED = 1 } fusor_layout;

/* A tensor as a backend sees it: geometry and memory. Inputs are read only; two inputs may overlap. */
typedef struct fusor_buffer {
  uint32_t struct_size;
  int32_t dtype; /* fusor_dtype */
  int32_t rank;  /* 0 to FUSOR_MAX_RANK */
  int32_t layout;
  int64_t sizes[FUSOR_MAX_RANK];   /* logical sizes, e.g. n, c, h, w */
  int64_t strides[FUSOR_MAX_RANK]; /* in elements; may be 0 (expanded) on inputs, never negative */
  int32_t block;                   /* FUSOR_LAYOUT_BLOCKED: lanes in a channel block */
  int32_t halo[4];                 /* FUSOR_LAYOUT_BLOCKED: zero rows/columns at top, bottom, left, right */
  void* data;                      /* start of the storage; NULL while only the geometry matters */
  int64_t byte_offset;             /* of the first logical element from `data` (FUSOR_LAYOUT_STRIDED) */
  int64_t byte_size;               /* of the whole storage behind `data` */
  /* Non-zero for storage that outlives the call and whose bytes change only together with `version`: a
   * backend may keep prepared forms (packed weights) under (identity, version) until
   * fusor_backend.forget(identity). */
  uint64_t identity;
  uint64_t version;
} fusor_buffer;

#ifdef __cplusplus
}
#endif
#endif
