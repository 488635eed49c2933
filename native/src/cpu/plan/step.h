// What a plan is made of: operands, which say where a value lies, and steps, which compute with them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpu/conv2d/convolution.h"
#include "cpu/layout/blocked.h"
#include "cpu/op.h"
#include "cpu/plan/constants.h"
#include "fusor/backend.h"

namespace fusor::cpu {

// One value in one layout. `geometry` is complete but for its data pointer, which depends on the run.
struct Operand {
  enum class Place { None, Input, Output, Buffer, Constant };
  Place place = Place::None;
  int32_t index = -1;
  fusor_buffer geometry{};

  explicit operator bool() const { return place != Place::None; }
};

struct StepContext {
  const KernelSet& kernels;
  Pool& pool;
  int threads;
  Scratch& scratch;
  const fusor_plan_memory& memory;
  const std::vector<ConstantData>& constants;

  // The operand with its data pointer for this run.
  fusor_buffer resolve(const Operand& operand) const;
};

// What describe() tells about a step.
struct StepDescription {
  std::string name, op, algorithm;
  int64_t flops = 0, bytes = 0;
};

class Step {
 public:
  virtual ~Step() = default;
  virtual fusor_status run(const StepContext& context) const = 0;
  virtual int64_t packed_bytes() const { return 0; }

  StepDescription description;
  std::vector<Operand> reads, writes;  // for lifetimes; a workspace is written
};

// One convolution: reads = {input, [residual]}, writes = {output, [workspace]}.
class ConvolutionStep final : public Step {
 public:
  ConvolutionStep(std::unique_ptr<Convolution> convolution, bool has_residual);
  fusor_status run(const StepContext& context) const override;
  int64_t packed_bytes() const override { return convolution_->packed_bytes(); }

 private:
  std::unique_ptr<Convolution> convolution_;
  bool has_residual_;
};

// Any op through its op level kernel. `arguments` are the call's inputs in order; those without a place are
// absent.
class OpStep final : public Step {
 public:
  OpStep(const OpEntry& entry, const void* attributes, std::vector<Operand> arguments,
         std::vector<Operand> results);
  fusor_status run(const StepContext& context) const override;

 private:
  const OpEntry& entry_;
  std::vector<unsigned char> attributes_;
  std::vector<Operand> arguments_, results_;
  // The call's buffers, made once; runs of a plan never overlap, and each fills in its data pointers.
  mutable std::vector<fusor_buffer> buffers_;
  std::vector<const fusor_buffer*> inputs_;
  std::vector<fusor_buffer*> outputs_;
};

// The same value in another layout, or at another place.
class LayoutStep final : public Step {
 public:
  LayoutStep(const Operand& source, const Operand& destination);
  fusor_status run(const StepContext& context) const override;
};

}  // namespace fusor::cpu
