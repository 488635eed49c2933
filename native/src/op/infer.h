// Shapes and dtypes of an op's outputs, from those of its inputs: the one place where the arguments of ops
// are checked. Each family of ops has its function, in a file of its own; infer.cpp does what is common to
// all.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "fusor/fusor.h"
#include "tensor/failure.h"
#include "tensor/shape.h"

namespace fusor {

// What is known of a tensor before it has bytes.
struct TensorType {
  int32_t dtype = FUSOR_F32;
  Shape shape;
  bool operator==(const TensorType&) const = default;
};

// "f32 [1, 3, 224, 224]"
std::string type_text(const TensorType& type);

struct OpDefinition;

// One call under examination. Functions of families read inputs and attributes, and set outputs.
class Inference {
 public:
  // `attributes` are complete and their enumerations, lists and flags in range; `inputs` has
  // definition.max_inputs entries, null for absent ones, and required ones are there.
  Inference(const OpDefinition& definition, const void* attributes,
            std::span<const TensorType* const> inputs);

  template <class T>
  const T& attributes() const {
    return *static_cast<const T*>(attributes_);
  }
  int32_t input_count() const { return static_cast<int32_t>(inputs_.size()); }
  const TensorType& input(int32_t index) const { return *inputs_[index]; }
  const TensorType* optional_input(int32_t index) const { return inputs_[index]; }
  void set_output(int32_t index, const TensorType& type) { outputs_[index] = type; }
  const TensorType& output(int32_t index) const { return outputs_[index]; }

  // What the user called: "conv2d", and "add" rather than "binary".
  const char* name() const;
  const char* input_name(int32_t index) const;

  template <class... Parts>
  [[noreturn]] void fail(fusor_status status, const Parts&... parts) const {
    fusor::fail(status, name(), ": ", parts...);
  }

  // ---- checks that many families share; each names the argument, what was expected and what came ----

  // f32, f16 or bf16.
  void require_float(int32_t index) const;
  // As input 0 has it (nothing if the input is absent).
  void require_same_dtype(int32_t index) const;
  // As input 0 has it, or f32: parameters and statistics of norms may be wider than what they normalize.
  void require_parameter_dtype(int32_t index) const;
  // `what` says in words what the sizes are, e.g. "one per channel of the input".
  void require_shape(int32_t index, const Shape& expected, const char* what) const;
  void require_rank(int32_t index, int32_t rank, const char* dimensions) const;
  // 0 to rank - 1; a tensor of rank 0 counts as one of rank 1, as in PyTorch.
  void require_dim(int32_t dim, const TensorType& input) const;
  void require_epsilon(float epsilon) const;
  // The number `value` must fit into elements of this dtype.
  void require_held(int32_t dtype, double value) const;

 private:
  const OpDefinition& definition_;
  const void* const attributes_;
  const std::span<const TensorType* const> inputs_;
  std::array<TensorType, FUSOR_MAX_OUTPUTS> outputs_;
};

struct OpDefinition {
  fusor_op_schema schema;
  uint32_t required;  // bit i: input i must be there
  void (*infer)(Inference& call);
};

// Null if there is no such op.
const OpDefinition* op_definition(int32_t op);

// Throws Error if the arguments do not fit the op.
std::array<TensorType, FUSOR_MAX_OUTPUTS> infer(int32_t op, const void* attributes,
                                                std::span<const TensorType* const> inputs);

// What the user called this op: the function's name where it has one.
const char* op_name(int32_t op, const void* attributes);

// One function per op; ops of one kind share one.
void infer_conv2d(Inference& call);
void infer_linear(Inference& call);
void infer_matmul(Inference& call);
void infer_batch_norm(Inference& call);
void infer_batch_norm_training(Inference& call);
void infer_fold_batch_norm(Inference& call);
void infer_layer_norm(Inference& call);
void infer_add_layer_norm(Inference& call);
void infer_rms_norm(Inference& call);
void infer_group_norm(Inference& call);
void infer_residual_add(Inference& call);
void infer_unary(Inference& call);
void infer_binary(Inference& call);
void infer_where(Inference& call);
void infer_convert(Inference& call);
void infer_softmax(Inference& call);
void infer_reduce(Inference& call);
void infer_arg_reduce(Inference& call);
void infer_topk(Inference& call);
void infer_max_pool2d(Inference& call);
void infer_avg_pool2d(Inference& call);
void infer_adaptive_avg_pool2d(Inference& call);
void infer_adaptive_max_pool2d(Inference& call);
void infer_pad(Inference& call);
void infer_concat(Inference& call);
void infer_gather(Inference& call);
void infer_index_select(Inference& call);
void infer_reshape(Inference& call);
void infer_permute(Inference& call);
void infer_slice(Inference& call);
void infer_expand(Inference& call);
void infer_fill(Inference& call);
void infer_arange(Inference& call);
void infer_random(Inference& call);
void infer_assign(Inference& call);

}  // namespace fusor
