// Ops that compute each element from the elements at its place.
#include <cmath>

#include "op/infer.h"
#include "tensor/dtype.h"

namespace fusor {
namespace {

// Functions that integers have too; the others are for floats (callers convert first, as PyTorch promotes).
bool takes_integers(int32_t function) {
  switch (function) {
    case FUSOR_UNARY_RELU:
    case FUSOR_UNARY_ABS:
    case FUSOR_UNARY_NEG:
    case FUSOR_UNARY_SQUARE:
    case FUSOR_UNARY_SIGN:
    case FUSOR_UNARY_FLOOR:
    case FUSOR_UNARY_CEIL:
    case FUSOR_UNARY_ROUND:
    case FUSOR_UNARY_CLAMP:
    case FUSOR_UNARY_LOGICAL_NOT:
      return true;
    default:
      return false;
  }
}

void require_unary_parameters(const Inference& call) {
  const auto& attributes = call.attributes<fusor_unary_attributes>();
  const auto require_number = [&call](const char* name, float value) {
    if (std::isnan(value)) call.fail(FUSOR_ERROR_ARGUMENT, name, " must be a number, got NaN");
  };
  switch (attributes.function) {
    case FUSOR_UNARY_CLAMP:
      require_number("the lower bound", attributes.alpha);
      require_number("the upper bound", attributes.beta);
      break;
    case FUSOR_UNARY_LEAKY_RELU:
      require_number("the negative slope", attributes.alpha);
      break;
    case FUSOR_UNARY_ELU:
      require_number("alpha", attributes.alpha);
      break;
    case FUSOR_UNARY_SOFTPLUS:
      require_number("the threshold", attributes.beta);
      if (!std::isfinite(attributes.alpha) || attributes.alpha == 0) {
        call.fail(FUSOR_ERROR_ARGUMENT, "beta must be a finite number other than 0, got ", attributes.alpha);
      }
      break;
    default:
      break;
  }
}

Shape require_broadcast(const Inference& call, int32_t a, int32_t b) {
  Shape result;
  if (!broadcast(call.input(a).shape, call.input(b).shape, result)) {
    call.fail(FUSOR_ERROR_SHAPE, "shapes ", call.input(a).shape, " and ", call.input(b).shape,
              " do not broadcast");
  }
  return result;
}

}  // namespace

void infer_residual_add(Inference& call) {
  call.require_float(0);
  call.require_same_dtype(1);
  call.require_shape(1, call.input(0).shape, "like the input");
  call.set_output(0, call.input(0));
}

void infer_unary(Inference& call) {
  const int32_t function = call.attributes<fusor_unary_attributes>().function;
  if (!takes_integers(function)) call.require_float(0);
  require_unary_parameters(call);
  TensorType output = call.input(0);
  if (function == FUSOR_UNARY_LOGICAL_NOT || function == FUSOR_UNARY_IS_NAN) output.dtype = FUSOR_U8;
  call.set_output(0, output);
}

void infer_binary(Inference& call) {
  const int32_t function = call.attributes<fusor_binary_attributes>().function;
  call.require_same_dtype(1);
  if (function == FUSOR_BINARY_DIV) call.require_float(0);
  const bool gives_truth = function >= FUSOR_BINARY_EQ;
  call.set_output(0, {gives_truth ? FUSOR_U8 : call.input(0).dtype, require_broadcast(call, 0, 1)});
}

void infer_where(Inference& call) {
  if (call.input(0).dtype != FUSOR_U8) {
    call.fail(FUSOR_ERROR_DTYPE, "condition must be u8 (as comparisons give), got ",
              dtype_name(call.input(0).dtype));
  }
  if (call.input(1).dtype != call.input(2).dtype) {
    call.fail(FUSOR_ERROR_DTYPE, "a is ", dtype_name(call.input(1).dtype), " but b is ",
              dtype_name(call.input(2).dtype), "; convert one of them");
  }
  Shape result = require_broadcast(call, 1, 2);
  if (!broadcast(call.input(0).shape, result, result)) {
    call.fail(FUSOR_ERROR_SHAPE, "condition ", call.input(0).shape, " and values ", result,
              " do not broadcast");
  }
  call.set_output(0, {call.input(1).dtype, result});
}

void infer_convert(Inference& call) {
  call.set_output(0, {call.attributes<fusor_convert_attributes>().dtype, call.input(0).shape});
}

}  // namespace fusor
