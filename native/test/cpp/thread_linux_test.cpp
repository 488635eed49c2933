// Threads of the engine's own, on whatever the C library gives by itself.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <pthread.h>

#include <cstddef>

#include "platform/thread.h"

namespace {

void* stack_of_this_thread(void* bytes) {
  pthread_attr_t attributes;
  void* lowest;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0)
    pthread_attr_getstack(&attributes, &lowest, static_cast<size_t*>(bytes));
  pthread_attr_destroy(&attributes);
  return nullptr;
}

}  // namespace

TEST_CASE("a thread has a stack of 8 MB where the C library would give it 128 KiB, as musl does") {
  pthread_attr_t usual, small;
  REQUIRE(pthread_getattr_default_np(&usual) == 0);
  REQUIRE(pthread_getattr_default_np(&small) == 0);
  REQUIRE(pthread_attr_setstacksize(&small, 128 << 10) == 0);
  REQUIRE(pthread_setattr_default_np(&small) == 0);
  fusor::platform::Thread thread;
  size_t bytes = 0;
  REQUIRE(thread.start(stack_of_this_thread, &bytes) == 0);
  thread.join();
  CHECK(bytes >= size_t{8} << 20);
  pthread_setattr_default_np(&usual);
}
