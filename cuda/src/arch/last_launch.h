// The kernel that was launched last, for the words of an error that comes later. For code without kernels,
// too.
#pragma once

#include <source_location>
#include <string>

namespace fusor::cuda {

/** A kernel and where it was launched. */
struct Launched {
  const void* kernel = nullptr; /* nullptr: none was */
  std::source_location place;
};
/** What this thread launched last, which is then forgotten. */
Launched take_last_launch();
/** "conv2d.cu:12: a_kernel<float>"; the emulator knows the place alone. */
std::string describe(const Launched& launched);

}  // namespace fusor::cuda
