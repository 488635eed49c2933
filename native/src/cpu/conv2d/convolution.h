// A convolution made ready to run: algorithm chosen, weights packed. Plans build one per node; the eager path
// keeps one per weight tensor and geometry.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "cpu/conv2d/packed.h"
#include "cpu/isa/kernel_set.h"
#include "cpu/layout/blocked.h"
#include "cpu/threads/pool.h"
#include "fusor/ops.h"

namespace fusor::cpu {

struct ConvolutionShape {
  int64_t n, c, h, w;  // input
  int64_t k, r, s;     // output channels, kernel height and width
  int32_t stride[2], padding[4] /* top, bottom, left, right */, dilation[2];
  int32_t groups;
  int64_t p, q;  // output height and width
  bool operator==(const ConvolutionShape&) const = default;
};

struct ConvolutionOptions {
  bool winograd = true;
  bool deterministic = false;  // the algorithm must not depend on n
  const char* force =
      nullptr;  // an algorithm's name, for tests and measuring; refused if it cannot do the shape
  PackedMemory* memory = nullptr;  // for the weights; null: of their own
};

class Convolution {
 public:
  virtual ~Convolution() = default;

  // Where the input comes from: Planar is contiguous NCHW (for few input channels, such as a stem); Blocked
  // has at least the halo of input_halo() (more is fine).
  enum class InputForm { Planar, Blocked };
  virtual InputForm input_form() const = 0;
  virtual Halo input_halo() const = 0;
  // "winograd stem", "stem", "winograd f4", "winograd f3", "winograd f2", "winograd f4 strided", "winograd f2
  // strided", "direct", "pointwise" (direct, 1x1), "depthwise", "grouped", "stem + max-pool" or "winograd
  // stem + max-pool" (make_stem_max_pool).
  virtual const char* algorithm() const = 0;
  virtual int64_t packed_bytes() const = 0;
  virtual int64_t workspace_bytes(int threads) const = 0;  // 64-byte aligned memory that run() may overwrite

  struct Arguments {
    const float* planar = nullptr;  // InputForm::Planar
    BlockedView input;              // InputForm::Blocked
    const BlockedView* residual =
        nullptr;         // shape of the output; its halo may differ; may be the output itself
    BlockedView output;  // any halo. Interior and padding lanes are written (lanes past k: zero), the halo is
                         // not touched
    void* workspace = nullptr;
  };
  // activation(conv + bias + residual). Inside a Pool::Turn.
  virtual void run(Pool& pool, int threads, const Arguments& arguments) const = 0;
};

// `weight` is [k, c / groups, r, s] contiguous, `bias` [k] or null. Packs with the pool's threads: inside a
// Pool::Turn. Never null for a valid shape, unless `force` names an algorithm that does not fit (then null).
std::unique_ptr<Convolution> make_convolution(const KernelSet& kernels, Pool& pool,
                                              const ConvolutionShape& shape, const float* weight,
                                              const float* bias, const fusor_activation& activation,
                                              const ConvolutionOptions& options);

// Why make_convolution takes the algorithm that it takes when nothing is forced: "1.4 times the estimated
// speed of winograd f2", or what else decides.
std::string convolution_reason(const KernelSet& kernels, const ConvolutionShape& shape,
                               const ConvolutionOptions& options);

// Names that `force` accepts for this shape, best guess first: the candidates of measured tuning.
// Returns how many there are; writes at most `capacity`.
int convolution_candidates(const KernelSet& kernels, const ConvolutionShape& shape,
                           const ConvolutionOptions& options, const char** names, int capacity);

}  // namespace fusor::cpu
