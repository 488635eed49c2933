// The processor's level, as the compiler's own look at cpuid has it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "cpu/isa/x86_levels.h"

#include <doctest/doctest.h>

#include "cpu/isa/kernel_set.h"

#if defined(__x86_64__) && !defined(__clang__)  // Clang knows the levels' names from 18 on
TEST_CASE("the level is the compiler's") {
  const int level = fusor::cpu::x86_level();
  CHECK((level >= 2) == (__builtin_cpu_supports("x86-64-v2") != 0));
  CHECK((level >= 3) == (__builtin_cpu_supports("x86-64-v3") != 0));
  CHECK((level >= 4) == (__builtin_cpu_supports("x86-64-v4") != 0));
}
#endif

TEST_CASE("a set that runs here is chosen") {
  REQUIRE(fusor::cpu::active_kernels() != nullptr);
  CHECK(fusor::cpu::runnable_kernels().count > 0);
}
