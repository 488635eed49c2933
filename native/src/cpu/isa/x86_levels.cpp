// Source: System V Application Binary Interface, AMD64 supplement, section 3.1.1, "Micro-Architecture
// Levels"; the bits are those of CPUID in the processors' manuals.
#include "cpu/isa/x86_levels.h"

#if defined(__x86_64__)
#include <cpuid.h>

#include <cstdint>

namespace fusor::cpu {
namespace {

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(unsigned leaf) {
  Registers r;
  // Leaves beyond those that the processor has leave zeros: none of their features is there.
  if (!__get_cpuid_count(leaf, 0, &r.eax, &r.ebx, &r.ecx, &r.edx)) return {};
  return r;
}

// XCR0: the registers that the operating system saves when it changes threads. Only to be read where OSXSAVE
// is set.
uint64_t saved_registers() {
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

bool all(uint64_t value, uint64_t bits) {
  return (value & bits) == bits;
}

}  // namespace

int x86_level() {
  const Registers basic = cpuid(1), extended = cpuid(7), amd = cpuid(0x80000001);
  constexpr unsigned kSse3 = 1u << 0, kSsse3 = 1u << 9, kCx16 = 1u << 13, kSse41 = 1u << 19,
                     kSse42 = 1u << 20, kPopcnt = 1u << 23, kLahf = 1u << 0;
  if (!all(basic.ecx, kSse3 | kSsse3 | kCx16 | kSse41 | kSse42 | kPopcnt) || !all(amd.ecx, kLahf)) return 1;

  constexpr unsigned kFma = 1u << 12, kMovbe = 1u << 22, kOsxsave = 1u << 27, kAvx = 1u << 28,
                     kF16c = 1u << 29, kBmi1 = 1u << 3, kAvx2 = 1u << 5, kBmi2 = 1u << 8, kLzcnt = 1u << 5;
  if (!all(basic.ecx, kFma | kMovbe | kOsxsave | kAvx | kF16c)) return 2;
  if (!all(extended.ebx, kBmi1 | kAvx2 | kBmi2) || !all(amd.ecx, kLzcnt)) return 2;
  constexpr uint64_t kXmm = 1u << 1, kYmm = 1u << 2, kMasks = 1u << 5, kZmm = 1u << 6, kZmm16To31 = 1u << 7;
  const uint64_t saved = saved_registers();
  if (!all(saved, kXmm | kYmm)) return 2;

  constexpr unsigned kAvx512F = 1u << 16, kAvx512Dq = 1u << 17, kAvx512Cd = 1u << 28, kAvx512Bw = 1u << 30,
                     kAvx512Vl = 1u << 31;
  if (!all(extended.ebx, kAvx512F | kAvx512Dq | kAvx512Cd | kAvx512Bw | kAvx512Vl)) return 3;
  return all(saved, kMasks | kZmm | kZmm16To31) ? 4 : 3;
}

}  // namespace fusor::cpu
#endif
