// Ops that give another view of the same elements.
#include "op/infer.h"

namespace fusor {
namespace {

// A shape given as an attribute. Only what the caller wrote is checked here; the result's size is checked for
// all ops.
Shape shape_attribute(const Inference& call) {
  const auto& attributes = call.attributes<fusor_shape_attributes>();
  const Shape shape(std::span<const int64_t>(attributes.shape, static_cast<size_t>(attributes.rank)));
  if (!shape_fits(shape, 1)) {
    call.fail(FUSOR_ERROR_SHAPE, "shape ", shape,
              " is not possible: sizes are at least 0 and a tensor has at most ", "2^62 bytes");
  }
  return shape;
}

}  // namespace

void infer_reshape(Inference& call) {
  const TensorType& input = call.input(0);
  const Shape shape = shape_attribute(call);
  if (shape.elements() != input.shape.elements()) {
    call.fail(FUSOR_ERROR_SHAPE, "input ", input.shape, " has ", input.shape.elements(),
              " elements but shape ", shape, " has ", shape.elements());
  }
  call.set_output(0, {input.dtype, shape});
}

void infer_permute(Inference& call) {
  const auto& attributes = call.attributes<fusor_permute_attributes>();
  const TensorType& input = call.input(0);
  const std::span<const int32_t> order(attributes.order, static_cast<size_t>(attributes.rank));
  uint32_t seen = 0;
  bool fits = attributes.rank == input.shape.rank();
  for (const int32_t dim : order) {
    fits = fits && dim >= 0 && dim < attributes.rank && (seen >> dim & 1) == 0;
    if (fits) seen |= 1u << dim;
  }
  if (!fits) {
    call.fail(FUSOR_ERROR_ARGUMENT, "order ", list_text(order), " must name each of the ", input.shape.rank(),
              " dimensions of input ", input.shape, " once");
  }
  Shape output;
  for (const int32_t dim : order) output.append(input.shape[dim]);
  call.set_output(0, {input.dtype, output});
}

void infer_slice(Inference& call) {
  const auto& attributes = call.attributes<fusor_slice_attributes>();
  const TensorType& input = call.input(0);
  if (attributes.rank != input.shape.rank()) {
    call.fail(FUSOR_ERROR_ARGUMENT, "start, end and step have ", attributes.rank, " entries but input ",
              input.shape, " has ", input.shape.rank(), " dimensions");
  }
  Shape output;
  for (int32_t i = 0; i < attributes.rank; ++i) {
    const int64_t start = attributes.start[i], end = attributes.end[i], step = attributes.step[i];
    if (start < 0 || end < start || end > input.shape[i]) {
      call.fail(FUSOR_ERROR_ARGUMENT, "start ", start, " and end ", end,
                " must be in order and inside dimension ", i, " of input ", input.shape);
    }
    if (step < 1)
      call.fail(FUSOR_ERROR_ARGUMENT, "step must be at least 1, got ", step, " for dimension ", i);
    output.append(end > start ? (end - start - 1) / step + 1 : 0);
  }
  call.set_output(0, {input.dtype, output});
}

void infer_expand(Inference& call) {
  const TensorType& input = call.input(0);
  const Shape shape = shape_attribute(call);
  Shape joined;
  if (shape.rank() < input.shape.rank() || !broadcast(input.shape, shape, joined) || !(joined == shape)) {
    call.fail(FUSOR_ERROR_SHAPE, "input ", input.shape, " cannot be expanded to ", shape,
              ": from the last dimension on, sizes must be equal or 1 in the input");
  }
  call.set_output(0, {input.dtype, shape});
}

}  // namespace fusor
