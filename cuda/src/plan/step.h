// What a plan is made of: operands, which say where a value lies, and steps, which compute with them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backend/op_table.h"
#include "index/fault.h"
#include "runtime/device.h"

namespace fusor::cuda {

/** One value in one order of its dimensions. `geometry` is complete but for its data pointer, which a run
 * sets. */
struct Operand {
  enum class Place { kNone, kInput, kOutput, kBuffer, kConstant };
  Place place = Place::kNone;
  int32_t index = -1;
  fusor_buffer geometry{};

  explicit operator bool() const { return place != Place::kNone; }
};

/** Device memory that a plan owns. */
class DeviceMemory {
 public:
  explicit DeviceMemory(Device& device) : device_(device) {}
  ~DeviceMemory() { device_.release(data_); }
  DeviceMemory(DeviceMemory&& other) noexcept
      : device_(other.device_),
        data_(std::exchange(other.data_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  /** What it had is released. */
  Status allocate(int64_t bytes);
  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  Device& device_;
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

/** The context of a plan's steps: their workspace and the place where they report are the plan's, so that
 * captured graphs may keep the addresses. */
class PlanContext final : public OpContext {
 public:
  PlanContext(Device& device, Stream& stream, const OpOptions& options, std::vector<DeviceMemory>& workspaces,
              IndexReport& report)
      : OpContext(stream, options), device_(device), workspaces_(workspaces), report_(report) {}

  Status workspace(int64_t bytes, void** pointer) override;
  Status row_major(const fusor_buffer& source, fusor_buffer* result) override;
  Status channels_last(const fusor_buffer& source, fusor_buffer* result) override;
  Status index_fault(IndexFault** fault) override { return report_.place(fault); }

  /** The step is over: its workspace is the next one's. */
  void next_step() {
    used_ = 0;
    constants = 0;
  }
  void set_constants(uint32_t inputs) { constants = inputs; }
  /** Whether the workspaces have moved or grown: graphs captured before are void. */
  bool grew() const { return grew_; }

 private:
  Status in_form(const fusor_buffer& source, InputForm form, fusor_buffer* result);

  Device& device_;
  std::vector<DeviceMemory>& workspaces_;  // the first `used_` of them belong to the step under way
  size_t used_ = 0;
  bool grew_ = false;
  IndexReport& report_;
};

/** Where the operands of a run lie. */
struct StepMemory {
  const fusor_plan_memory& run;
  const std::vector<DeviceMemory>& constants;

  fusor_buffer resolve(const Operand& operand) const;
};

/** What describe() tells about a step. */
struct StepDescription {
  std::string name, op, algorithm;
  int64_t flops = 0, bytes = 0;
};

class Step {
 public:
  virtual ~Step() = default;
  virtual Status run(PlanContext& context, const StepMemory& memory) = 0;

  StepDescription description;
  std::vector<Operand> reads, writes;  // for lifetimes
};

/** An op by its entry. `arguments` are the call's inputs in order, in the form that it asks for; absent ones
 * have no place. */
class OpStep final : public Step {
 public:
  OpStep(const OpEntry& entry, const void* attributes, std::vector<Operand> arguments,
         std::vector<Operand> results);
  Status run(PlanContext& context, const StepMemory& memory) override;

 private:
  const OpEntry& entry_;
  const std::vector<unsigned char> attributes_;
  const std::vector<Operand> arguments_, results_;
  uint32_t constants_ = 0; /* bit i: argument i is one */
  // The call's buffers; runs of a plan never overlap, and each fills in its data pointers.
  std::vector<fusor_buffer> buffers_;
  std::vector<const fusor_buffer*> inputs_;
  std::vector<fusor_buffer*> outputs_;
};

/** The same value in another order, or at another place. */
class CopyStep final : public Step {
 public:
  CopyStep(const Operand& source, const Operand& destination);
  Status run(PlanContext& context, const StepMemory& memory) override;
};

}  // namespace fusor::cuda
