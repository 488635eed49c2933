// The micro-architecture levels of x86-64 that this machine can run. Asked of cpuid here rather than of the
// compiler:
// __builtin_cpu_supports("x86-64-v3") came with GCC 11 and Clang 18, and Clang knows only some of the
// features by name.
#pragma once

namespace fusor::cpu {

// 1 to 4: the highest level whose features the processor has and whose registers the operating system saves.
int x86_level();

}  // namespace fusor::cpu
