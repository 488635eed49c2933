// Functions of newer libstdc++ that its own headers call, defined here so that the oldest supported one will
// do. Built into libfusor and into fusor.node; scripts/check-symbols.sh tells when another one is needed.
#include <new>

#ifdef __GLIBCXX__
namespace fusor {

// std::__throw_bad_array_new_length of GLIBCXX_3.4.29: containers refuse impossible sizes with it. Under an
// assembler name because the declaration in namespace std has default visibility, and this definition is
// nobody else's business.
[[noreturn]] __attribute__((visibility("hidden"), used)) void throw_bad_array_new_length() asm(
    "_ZSt28__throw_bad_array_new_lengthv");
void throw_bad_array_new_length() {
  throw std::bad_array_new_length();
}

}  // namespace fusor
#endif
