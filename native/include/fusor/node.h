/* Tensors between JavaScript and an addon of one's own, without a copy. Header only, C, on Node-API
 * version 8.
 *
 * JavaScript passes `exportTensor(tensor)` of @fusor/native/interop, an object that wraps the tensor; the
 * addon gets the engine's tensor and environment out of it with fusor_node_get_tensor. The other way, the
 * addon makes such an object of its tensor with fusor_node_create_tensor, and JavaScript makes a Tensor of
 * that with `importTensor(native)`. The objects carry a type tag, so that neither side takes what another
 * addon wrapped for a tensor.
 *
 * On the JavaScript thread only. Link libfusor (find_package(fusor)); @fusor/native loads it into the
 * process, and an addon that is loaded after it shares that copy. */
#ifndef FUSOR_NODE_H
#define FUSOR_NODE_H

#include <node_api.h>
#include <stdlib.h>

#include "fusor/fusor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What such an object wraps. */
typedef struct fusor_node_tensor {
  fusor_tensor* tensor; /* NULL: disposed, or imported already */
  /* Where JavaScript's own work is queued: ops run with it come after those called before, and JavaScript
   * waits for them as for its own. NULL in what an addon made. Lives as long as the JavaScript environment:
   * use it during a call from JavaScript. */
  fusor_environment* environment;
} fusor_node_tensor;

/* The tag of these objects; changes with the struct above. */
static const napi_type_tag fusor_node_type_tag = {0x9f2b6d1c4e8a4731u, 0xb1d05f3e7c6a2941u};

/* The tensor and (if not NULL) the environment of a value that exportTensor gave. The tensor is JavaScript's:
 * call fusor_tensor_retain to keep it past this call. napi_invalid_arg if the value is not one of these,
 * napi_generic_failure if its tensor was disposed. */
static inline napi_status fusor_node_get_tensor(napi_env env, napi_value value, fusor_tensor** tensor,
                                                fusor_environment** environment) {
  napi_valuetype type;
  bool tagged = false;
  void* data = NULL;
  napi_status status = napi_typeof(env, value, &type);
  if (status != napi_ok) return status;
  if (type != napi_object) return napi_invalid_arg;
  status = napi_check_object_type_tag(env, value, &fusor_node_type_tag, &tagged);
  if (status != napi_ok) return status;
  if (!tagged) return napi_invalid_arg;
  status = napi_unwrap(env, value, &data);
  if (status != napi_ok) return status;
  const fusor_node_tensor* const shared = (const fusor_node_tensor*)data;
  if (shared->tensor == NULL) return napi_generic_failure;
  *tensor = shared->tensor;
  if (environment != NULL) *environment = shared->environment;
  return napi_ok;
}

static inline void fusor_node_finalize_tensor(napi_env env, void* data, void* hint) {
  fusor_node_tensor* const shared = (fusor_node_tensor*)data;
  (void)env;
  (void)hint;
  if (shared->tensor != NULL) fusor_tensor_release(shared->tensor);
  free(shared);
}

/* An object for importTensor. Takes over the caller's reference to the tensor if it succeeds; the
 * value gives it to importTensor, or releases it when it is collected. */
static inline napi_status fusor_node_create_tensor(napi_env env, fusor_tensor* tensor, napi_value* value) {
  fusor_node_tensor* const shared = (fusor_node_tensor*)malloc(sizeof *shared);
  if (shared == NULL) return napi_generic_failure;
  shared->tensor = NULL;
  shared->environment = NULL;
  napi_status status = napi_create_object(env, value);
  if (status == napi_ok) status = napi_wrap(env, *value, shared, fusor_node_finalize_tensor, NULL, NULL);
  if (status != napi_ok) {
    free(shared);
    return status;
  }
  status = napi_type_tag_object(env, *value, &fusor_node_type_tag);
  if (status == napi_ok) shared->tensor = tensor;
  return status;
}

#ifdef __cplusplus
}
#endif
#endif
