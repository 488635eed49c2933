// Which instruction sets this machine has, and which one is used.
#include <string>

#include "cpu/isa/kernel_set.h"
#include "cpu/isa/x86_levels.h"
#include "platform/environment.h"

namespace fusor::cpu {

#if defined(FUSOR_HAS_BASELINE)
namespace baseline {
extern const KernelSet kernel_set;
}
#endif
#if defined(FUSOR_HAS_AVX2)
namespace avx2 {
extern const KernelSet kernel_set;
}
#endif
#if defined(FUSOR_HAS_AVX512)
namespace avx512 {
extern const KernelSet kernel_set;
}
#endif
#if defined(FUSOR_HAS_NEON)
namespace neon {
extern const KernelSet kernel_set;
}
#endif
extern const KernelSet* const test_set;  // null in what is packed for users

namespace {

struct Candidate {
  const KernelSet* kernels;  // null where this build lacks the set
  bool runnable;             // the processor has it and the operating system saves its registers
  bool automatic;            // may be chosen without being named
  const char* feature;       // for messages
};

struct Candidates {
#if defined(__x86_64__)
  static constexpr int kCount = 4;
  const int level = x86_level();
  Candidate list[kCount] = {
      {
#if defined(FUSOR_HAS_BASELINE)
          &baseline::kernel_set,
#else
          nullptr,
#endif
          level >= 2, true, "SSE4.2 (x86-64-v2)"},
      {test_set, level >= 3, false, "AVX2 and FMA (x86-64-v3)"},
      {
#if defined(FUSOR_HAS_AVX2)
          &avx2::kernel_set,
#else
          nullptr,
#endif
          level >= 3, true, "AVX2 and FMA (x86-64-v3)"},
      {
#if defined(FUSOR_HAS_AVX512)
          &avx512::kernel_set,
#else
          nullptr,
#endif
          level >= 4, true, "AVX-512 F, BW, CD, DQ, VL (x86-64-v4)"},
  };
#else
  static constexpr int kCount = 1;
  Candidate list[kCount] = {{&neon::kernel_set, true, true, "NEON"}};
#endif
};

struct Choice {
  const KernelSet* kernels = nullptr;
  std::string error;
  const KernelSet* runnable[Candidates::kCount];
  int runnable_count = 0;

  Choice() {
    const Candidates candidates;
    std::string names;
    for (const Candidate& candidate : candidates.list) {
      if (!candidate.kernels || !candidate.runnable) continue;
      runnable[runnable_count++] = candidate.kernels;
      if (candidate.automatic) kernels = candidate.kernels;
      names += (names.empty() ? "" : ", ") + std::string(candidate.kernels->name);
    }
    const std::string forced = platform::environment_variable("FUSOR_ISA").value_or("");
    if (!forced.empty()) {
      kernels = nullptr;
      error = "FUSOR_ISA=" + forced + " names no instruction set of this build";
      for (const Candidate& candidate : candidates.list) {
        if (!candidate.kernels || candidate.kernels->name != forced) continue;
        if (candidate.runnable) {
          kernels = candidate.kernels;
          error.clear();
        } else {
          error = "FUSOR_ISA=" + forced + " needs " + candidate.feature +
                  ", which this processor or its operating system lacks";
        }
      }
      if (!kernels) error += "; this machine can run: " + (names.empty() ? "none" : names);
    } else if (!kernels) {
      error = std::string("this processor lacks ") + candidates.list[0].feature +
              ", the least that the CPU backend needs";
    }
  }
};

const Choice& choice() {
  static const Choice* const made = new Choice;  // never freed: used until the process ends
  return *made;
}

}  // namespace

const KernelSet* active_kernels() {
  return choice().kernels;
}
const char* isa_error() {
  return choice().error.c_str();
}
KernelSetList runnable_kernels() {
  return {choice().runnable, choice().runnable_count};
}

}  // namespace fusor::cpu
