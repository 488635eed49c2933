/* relu(a + b) from C: create two tensors, run two ops, read the result in a callback. Exits with 0 if it is
 * right. */
#include <fusor/fusor.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  int done;
  fusor_status status;
  char message[256];
} result;

static void on_done(void* user_data, fusor_status status, const char* message) {
  result* r = user_data;
  pthread_mutex_lock(&r->mutex);
  r->status = status;
  snprintf(r->message, sizeof r->message, "%s", message);
  r->done = 1;
  pthread_cond_signal(&r->condition);
  pthread_mutex_unlock(&r->mutex);
}

static int failed(const char* what) {
  fprintf(stderr, "%s: %s\n", what, fusor_last_error());
  return 1;
}

int main(void) {
  printf("fusor %s, %d device(s)\n", fusor_version(), fusor_device_count());
  fusor_environment* environment = NULL;
  if (fusor_environment_create(&environment) != FUSOR_OK) return failed("environment");

  const int64_t sizes[2] = {2, 3};
  const float a_data[6] = {1, -2, 3, -4, 5, -6}, b_data[6] = {1, 1, 1, 1, 1, 1};
  fusor_tensor *a = NULL, *b = NULL, *sum = NULL, *output = NULL;
  if (fusor_tensor_create(environment, 0, FUSOR_F32, 2, sizes, a_data, sizeof a_data, &a) != FUSOR_OK ||
      fusor_tensor_create(environment, 0, FUSOR_F32, 2, sizes, b_data, sizeof b_data, &b) != FUSOR_OK) {
    return failed("tensor");
  }

  fusor_tensor* pair[2] = {a, b};
  fusor_binary_attributes add = {sizeof add, FUSOR_BINARY_ADD};
  if (fusor_op_run(environment, 0, FUSOR_OP_BINARY, &add, pair, 2, &sum, 1, NULL) != FUSOR_OK)
    return failed("add");
  fusor_unary_attributes relu = {sizeof relu, FUSOR_UNARY_RELU, 0, 0};
  if (fusor_op_run(environment, 0, FUSOR_OP_UNARY, &relu, &sum, 1, &output, 1, NULL) != FUSOR_OK) {
    return failed("relu");
  }
  /* What is queued keeps what it needs. */
  fusor_tensor_release(a);
  fusor_tensor_release(b);
  fusor_tensor_release(sum);

  float data[6] = {0};
  result r = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, FUSOR_OK, ""};
  if (fusor_tensor_read(environment, output, data, sizeof data, on_done, &r) != FUSOR_OK)
    return failed("read");
  pthread_mutex_lock(&r.mutex);
  while (!r.done) pthread_cond_wait(&r.condition, &r.mutex);
  pthread_mutex_unlock(&r.mutex);
  fusor_tensor_release(output);
  fusor_environment_destroy(environment);

  if (r.status != FUSOR_OK) {
    fprintf(stderr, "reading failed: %s\n", r.message);
    return 1;
  }
  const float expected[6] = {2, 0, 4, 0, 6, 0};
  if (memcmp(data, expected, sizeof data) != 0) {
    fprintf(stderr, "wrong result\n");
    return 1;
  }
  printf("relu(a + b) is right\n");
  return 0;
}
