// The choice of an algorithm.
#include "cpu/conv2d/convolution.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>

#include "cpu/conv2d/algorithm.h"
#include "cpu/conv2d/cost.h"

namespace fusor::cpu {
namespace {

struct Algorithm {
  const char* name;
  bool (*fits)(const KernelSet& kernels, const ConvolutionShape& shape);
  std::unique_ptr<Convolution> (*make)(const ConvolutionRequest& request);
  int rank;                   // lower is better where several fit; equals are compared by their cost
  const char* why = nullptr;  // what decides where no other competes
  bool winograd = false;
  // Estimated, of those that compete. The others come first where they fit, but for "grouped", which fits
  // last.
  double (*cycles)(const KernelSet& kernels, const ConvolutionShape& shape) = direct_cycles;
};

template <int kTile>
double tile_cycles(const KernelSet& kernels, const ConvolutionShape& shape) {
  return winograd_cycles(kernels, shape, kTile);
}

bool pointwise_fits(const KernelSet& kernels, const ConvolutionShape& shape) {
  return shape.r * shape.s == 1 && direct_fits(kernels, shape);
}
bool spatial_fits(const KernelSet& kernels, const ConvolutionShape& shape) {
  return shape.r * shape.s > 1 && direct_fits(kernels, shape);
}

constexpr Algorithm kAlgorithms[] = {
    {"winograd stem", winograd_stem_fits, make_winograd_stem, 0, nullptr, true, winograd_stem_cycles},
    {"stem", stem_fits, make_stem, 0, "few input channels"},
    {"depthwise", depthwise_fits, make_depthwise, 0, "groups of one channel"},
    {"winograd f4", winograd_fits, make_winograd4, 1, nullptr, true, tile_cycles<4>},
    {"winograd f3", winograd_fits, make_winograd3, 1, nullptr, true, tile_cycles<3>},
    {"winograd f2", winograd_fits, make_winograd2, 1, nullptr, true, tile_cycles<2>},
    {"winograd f4 strided", winograd_strided_fits, make_winograd4_strided, 1, nullptr, true, tile_cycles<4>},
    {"winograd f2 strided", winograd_strided_fits, make_winograd2_strided, 1, nullptr, true, tile_cycles<2>},
    {"direct", spatial_fits, make_direct, 1, "no other allowed for this kernel"},
    {"pointwise", pointwise_fits, make_direct, 1, "1x1 kernel"},
    {"grouped", grouped_fits, make_grouped, 2, "groups of parts of a channel block"},
};
constexpr int kMostCandidates = sizeof kAlgorithms / sizeof kAlgorithms[0];

// Best guess first.
int candidates(const KernelSet& kernels, ConvolutionShape shape, const ConvolutionOptions& options,
               const Algorithm** found) {
  // What is best for one image must do for all batches.
  if (options.deterministic) shape.n = 1;
  int count = 0;
  for (const Algorithm& algorithm : kAlgorithms)
    if (algorithm.fits(kernels, shape) && (options.winograd || !algorithm.winograd))
      found[count++] = &algorithm;
  std::stable_sort(found, found + count, [&](const Algorithm* a, const Algorithm* b) {
    if (a->rank != b->rank) return a->rank < b->rank;
    return a->cycles(kernels, shape) < b->cycles(kernels, shape);
  });
  return count;
}

}  // namespace

std::unique_ptr<Convolution> make_convolution(const KernelSet& kernels, Pool& pool,
                                              const ConvolutionShape& shape, const float* weight,
                                              const float* bias, const fusor_activation& activation,
                                              const ConvolutionOptions& options) {
  const Algorithm* found[kMostCandidates];
  const int count = candidates(kernels, shape, options, found);
  for (int i = 0; i < count; ++i) {
    if (options.force && std::strcmp(options.force, found[i]->name) != 0) continue;
    try {
      return found[i]->make({kernels, pool, shape, weight, bias, activation, options.memory});
    } catch (const std::bad_alloc&) {
      return nullptr;
    }
  }
  return nullptr;
}

std::string convolution_reason(const KernelSet& kernels, const ConvolutionShape& shape,
                               const ConvolutionOptions& options) {
  const Algorithm* found[kMostCandidates];
  const int count = candidates(kernels, shape, options, found);
  if (count == 0) return "";
  const bool rivals = count > 1 && found[1]->rank == found[0]->rank;
  if (!rivals) return found[0]->why ? found[0]->why : "the only one";
  ConvolutionShape decisive = shape;
  if (options.deterministic) decisive.n = 1;
  const double ratio = found[1]->cycles(kernels, decisive) / found[0]->cycles(kernels, decisive);
  char text[80];
  std::snprintf(text, sizeof text, "%.2f times the estimated speed of %s", ratio, found[1]->name);
  return text;
}

int convolution_candidates(const KernelSet& kernels, const ConvolutionShape& shape,
                           const ConvolutionOptions& options, const char** names, int capacity) {
  const Algorithm* found[kMostCandidates];
  const int count = candidates(kernels, shape, options, found);
  for (int i = 0; i < count && i < capacity; ++i) names[i] = found[i]->name;
  return count;
}

}  // namespace fusor::cpu
