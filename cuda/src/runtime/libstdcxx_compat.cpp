// Symbols of newer systems that the headers of newer compilers use, defined here so that the oldest supported
// ones will do: glibc 2.28, libstdc++ of gcc 8. native/scripts/check-symbols.sh tells when another one is
// needed.
#include <new>

// glibc 2.32: whether this process has one thread. Reference counts then need no atomic instructions; they
// get them always.
extern "C" {
__attribute__((visibility("hidden"), used)) char __libc_single_threaded = 0;
}

#ifdef __GLIBCXX__
namespace fusor::cuda {

// std::__throw_bad_array_new_length of GLIBCXX_3.4.29: containers refuse impossible sizes with it. Under an
// assembler name because the declaration in namespace std has default visibility.
[[noreturn]] __attribute__((visibility("hidden"), used)) void throw_bad_array_new_length() asm(
    "_ZSt28__throw_bad_array_new_lengthv");
void throw_bad_array_new_length() {
  throw std::bad_array_new_length();
}

}  // namespace fusor::cuda
#endif
