#include <pthread.h>

#include "platform/wait.h"

namespace fusor::platform {
namespace {

// One lock for all words: only sleeping and waking threads take it.
pthread_mutex_t sleep_mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t sleep_condition = PTHREAD_COND_INITIALIZER;

}  // namespace

void sleep_while_equal(const std::atomic<uint32_t>& word, uint32_t value) {
  pthread_mutex_lock(&sleep_mutex);
  while (word.load(std::memory_order_seq_cst) == value) pthread_cond_wait(&sleep_condition, &sleep_mutex);
  pthread_mutex_unlock(&sleep_mutex);
}

void wake_sleepers(const std::atomic<uint32_t>&) {
  pthread_mutex_lock(&sleep_mutex);
  pthread_cond_broadcast(&sleep_condition);
  pthread_mutex_unlock(&sleep_mutex);
}

}  // namespace fusor::platform
