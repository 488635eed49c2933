// In every test program for Windows: doctest's thread_local variables have destructors, and threads of tests
// use them.
//
// MinGW (GCC 12) emulates thread_local: libgcc keeps a thread's variables in blocks that a pthread key's
// destructor frees, and libstdc++ calls the variables' destructors from that of another key. winpthreads
// takes the keys in the order in which they were made, and the variables' comes first, since the flag that
// says whether they are initialised is one of them: destructors then read and write freed memory. Making
// libstdc++'s key before any variable is touched turns the order around.
#include <cxxabi.h>

namespace {

__attribute__((constructor(101))) void make_the_key_of_destructors() {
  static int object;
  abi::__cxa_thread_atexit([](void*) {}, &object, &object);
}

}  // namespace
