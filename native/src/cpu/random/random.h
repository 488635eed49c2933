// Random tensors from a counter-based generator: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers:
// as easy as 1, 2, 3"). Element i of a stream depends on the seed and on i alone: not on threads, vector
// width or what came before.
//
// Elements come in groups of 64: 16 counters give four words each, and element 16 w + j of group g is made
// from word w of counter 16 g + j, so that every vector width stores whole vectors.
#pragma once

#include <cstdint>

#include "cpu/op.h"

namespace fusor::cpu {

struct RandomDistribution {
  int32_t kind;  // fusor_random_distribution
  float low, high;
  float greatest;  // uniform: the greatest float below high
};

struct RandomKernels {
  static constexpr int64_t kGroup = 64;
  // Writes `groups` * 64 elements.
  void (*generate)(const RandomDistribution& distribution, uint64_t seed, uint64_t first_group,
                   int64_t groups, float* output);
};

extern const OpEntry random_op;

}  // namespace fusor::cpu
