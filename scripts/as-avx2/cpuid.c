// Preloaded into a process whose libraries ask CPUID by ud2 (run.mjs puts it there): answers as the machine
// does, less AVX-512, AMX and the instructions on bfloat16 and VNNI that came with them. A ud2 that was a ud2
// ends the process as ever.
#define _GNU_SOURCE
#include <cpuid.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { LENGTH = 2 };
static const uint8_t ud2[LENGTH] = {0x0f, 0x0b};

// Leaf 7 of Intel's and AMD's manuals.
static void hide(uint32_t leaf, uint32_t subleaf, uint32_t* eax, uint32_t* ebx, uint32_t* ecx,
                 uint32_t* edx) {
  if (leaf == 7 && subleaf == 0) {
    // F, DQ, IFMA, PF, ER, CD, BW, VL; VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ; 4VNNIW, 4FMAPS, VP2INTERSECT,
    // AMX, FP16
    *ebx &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31);
    *ecx &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);
    *edx &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 22 | 1u << 23 | 1u << 24 | 1u << 25);
  }
  // AVX-VNNI, AVX512-BF16
  if (leaf == 7 && subleaf == 1) *eax &= ~(1u << 4 | 1u << 5);
}

static void answer(int signal_number, siginfo_t* info, void* context) {
  (void)info;
  greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
  const uint32_t leaf = (uint32_t)registers[REG_RAX], subleaf = (uint32_t)registers[REG_RCX];
  // __builtin_trap leaves registers as they are; what asks CPUID has set a leaf, of which there are few.
  const int asks = memcmp((const void*)registers[REG_RIP], ud2, LENGTH) == 0 &&
                   (leaf < 0x40 || (leaf >= 0x80000000u && leaf < 0x80000040u) ||
                    (leaf >= 0x40000000u && leaf < 0x40000100u));
  if (!asks) {
    signal(signal_number, SIG_DFL);
    return;
  }
  uint32_t eax, ebx, ecx, edx;
  __cpuid_count(leaf, subleaf, eax, ebx, ecx, edx);
  hide(leaf, subleaf, &eax, &ebx, &ecx, &edx);
  registers[REG_RAX] = eax;
  registers[REG_RBX] = ebx;
  registers[REG_RCX] = ecx;
  registers[REG_RDX] = edx;
  registers[REG_RIP] += LENGTH;
}

__attribute__((constructor)) static void watch(void) {
  struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
  if (sigaction(SIGILL, &action, NULL) != 0) abort();
}
