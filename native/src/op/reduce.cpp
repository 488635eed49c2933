// Ops along dimensions: softmax, reductions, argmax and top-k. A tensor of rank 0 counts as one of rank 1
// with one element, as in PyTorch, and its results have rank 0.
#include <algorithm>
#include <cmath>

#include "op/infer.h"
#include "tensor/dtype.h"

namespace fusor {
namespace {

// The input's sizes, those in `reduced` left out or set to 1.
Shape without(const Shape& shape, std::span<const int32_t> reduced, bool keep) {
  Shape result;
  for (int32_t i = 0; i < shape.rank(); ++i) {
    const bool gone = std::find(reduced.begin(), reduced.end(), i) != reduced.end();
    if (!gone) {
      result.append(shape[i]);
    } else if (keep) {
      result.append(1);
    }
  }
  return result;
}

// The greatest of nothing is not a number.
void require_elements(const Inference& call, std::span<const int32_t> dims) {
  const Shape& shape = call.input(0).shape;
  for (const int32_t dim : dims) {
    if (shape.rank() > 0 && shape[dim] == 0) {
      call.fail(FUSOR_ERROR_SHAPE, "cannot take it over dimension ", dim, " of input ", shape,
                ", which has size 0");
    }
  }
}

}  // namespace

void infer_softmax(Inference& call) {
  call.require_float(0);
  call.require_dim(call.attributes<fusor_softmax_attributes>().dim, call.input(0));
  call.set_output(0, call.input(0));
}

void infer_reduce(Inference& call) {
  const auto& attributes = call.attributes<fusor_reduce_attributes>();
  const TensorType& input = call.input(0);
  const std::span<const int32_t> dims(attributes.dims, static_cast<size_t>(attributes.dim_count));
  for (size_t i = 0; i < dims.size(); ++i) {
    call.require_dim(dims[i], input);
    if (i > 0 && dims[i] <= dims[i - 1]) {
      call.fail(FUSOR_ERROR_ARGUMENT, "dims must go up without repeats, got ", list_text(dims));
    }
  }

  int32_t dtype = input.dtype;
  switch (attributes.function) {
    case FUSOR_REDUCE_SUM:
    case FUSOR_REDUCE_PROD:
      if (!is_float(dtype)) dtype = FUSOR_I64;
      break;
    case FUSOR_REDUCE_VARIANCE:
      if (!std::isfinite(attributes.correction)) {
        call.fail(FUSOR_ERROR_ARGUMENT, "correction must be a finite number, got ", attributes.correction);
      }
      call.require_float(0);
      break;
    case FUSOR_REDUCE_MEAN:
      call.require_float(0);
      break;
    case FUSOR_REDUCE_MAX:
    case FUSOR_REDUCE_MIN:
      require_elements(call, dims);
      break;
    default:  // any, all
      dtype = FUSOR_U8;
  }
  call.set_output(0, {dtype, without(input.shape, dims, attributes.keep_dims != 0)});
}

void infer_arg_reduce(Inference& call) {
  const auto& attributes = call.attributes<fusor_arg_reduce_attributes>();
  const std::span<const int32_t> dims(&attributes.dim, 1);
  call.require_dim(attributes.dim, call.input(0));
  require_elements(call, dims);
  call.set_output(0, {FUSOR_I64, without(call.input(0).shape, dims, attributes.keep_dims != 0)});
}

void infer_topk(Inference& call) {
  const auto& attributes = call.attributes<fusor_topk_attributes>();
  const TensorType& input = call.input(0);
  call.require_dim(attributes.dim, input);
  const int64_t size = input.shape.rank() == 0 ? 1 : input.shape[attributes.dim];
  if (attributes.k < 0 || attributes.k > size) {
    call.fail(FUSOR_ERROR_ARGUMENT, "k must be 0 to ", size, ", the size of dimension ", attributes.dim,
              " of input ", input.shape, ", got ", attributes.k);
  }
  Shape output = input.shape;
  if (output.rank() > 0) output.set(attributes.dim, attributes.k);
  if (output.rank() == 0 && attributes.k == 0) {
    call.fail(FUSOR_ERROR_ARGUMENT, "k must be 1 for an input of rank 0, got 0");
  }
  call.set_output(0, {input.dtype, output});
  call.set_output(1, {FUSOR_I64, output});
}

}  // namespace fusor
