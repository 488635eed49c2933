// Ops that put elements elsewhere: torch.nn.functional.pad, torch.cat, gather, index_select, Tensor.copy_.
#include "op/infer.h"
#include "tensor/dtype.h"

namespace fusor {
namespace {

void require_index(const Inference& call) {
  const int32_t dtype = call.input(1).dtype;
  if (dtype != FUSOR_I32 && dtype != FUSOR_I64) {
    call.fail(FUSOR_ERROR_DTYPE, "index must be i32 or i64, got ", dtype_name(dtype));
  }
}

// The padded size of dimension `i`; refuses what the mode cannot do.
int64_t padded_size(const Inference& call, const fusor_pad_attributes& attributes, int32_t i) {
  const Shape& input = call.input(0).shape;
  const int64_t size = input[i], before = attributes.before[i], after = attributes.after[i];
  if (attributes.mode == FUSOR_PAD_REFLECT &&
      (before < 0 || after < 0 || ((before > 0 || after > 0) && (before >= size || after >= size)))) {
    call.fail(FUSOR_ERROR_ARGUMENT, "reflection must be 0 to ", size > 0 ? size - 1 : 0, " along dimension ",
              i, " of input ", input, ", got ", before, " before and ", after, " after");
  }
  if (attributes.mode == FUSOR_PAD_REPLICATE) {
    if (before < 0 || after < 0) {
      call.fail(FUSOR_ERROR_ARGUMENT, "replication must be at least 0, got ", before, " before and ", after,
                " after along dimension ", i);
    }
    if (size == 0 && (before > 0 || after > 0)) {
      call.fail(FUSOR_ERROR_SHAPE, "dimension ", i, " of input ", input, " has no edge to replicate");
    }
  }
  int64_t padded = 0;
  if (before > kMaxBytes || after > kMaxBytes || before < -kMaxBytes || after < -kMaxBytes ||
      __builtin_add_overflow(size, before, &padded) || __builtin_add_overflow(padded, after, &padded) ||
      size + before < 0 || size + after < 0 || padded < 0) {
    call.fail(FUSOR_ERROR_SHAPE, "dimension ", i, " of input ", input, " cannot have ", before,
              " before and ", after, " after it");
  }
  return padded;
}

}  // namespace

void infer_pad(Inference& call) {
  const auto& attributes = call.attributes<fusor_pad_attributes>();
  const TensorType& input = call.input(0);
  if (attributes.rank != input.shape.rank()) {
    call.fail(FUSOR_ERROR_ARGUMENT, "before and after have ", attributes.rank, " entries but input ",
              input.shape, " has ", input.shape.rank(), " dimensions");
  }
  call.require_held(input.dtype, attributes.value);  // in every mode, as kernels convert it before they look
  Shape output;
  for (int32_t i = 0; i < attributes.rank; ++i) output.append(padded_size(call, attributes, i));
  call.set_output(0, {input.dtype, output});
}

void infer_concat(Inference& call) {
  const int32_t dim = call.attributes<fusor_dim_attributes>().dim;
  const TensorType& first = call.input(0);
  if (first.shape.rank() == 0)
    call.fail(FUSOR_ERROR_SHAPE, "inputs of rank 0 have no dimension to join along");
  call.require_dim(dim, first);
  int64_t joined = first.shape[dim];
  for (int32_t i = 1; i < call.input_count(); ++i) {
    const TensorType& other = call.input(i);
    if (other.dtype != first.dtype) {
      call.fail(FUSOR_ERROR_DTYPE, "input 0 is ", dtype_name(first.dtype), " but input ", i, " is ",
                dtype_name(other.dtype), "; convert one of them");
    }
    bool fits = other.shape.rank() == first.shape.rank();
    for (int32_t k = 0; fits && k < first.shape.rank(); ++k)
      fits = k == dim || other.shape[k] == first.shape[k];
    if (!fits) {
      call.fail(FUSOR_ERROR_SHAPE, "input 0 has shape ", first.shape, " but input ", i, " has ", other.shape,
                "; all dimensions but ", dim, " must be equal");
    }
    if (__builtin_add_overflow(joined, other.shape[dim], &joined)) {
      call.fail(FUSOR_ERROR_SHAPE, "the inputs are too long together along dimension ", dim);
    }
  }
  Shape output = first.shape;
  output.set(dim, joined);
  call.set_output(0, {first.dtype, output});
}

void infer_gather(Inference& call) {
  const int32_t dim = call.attributes<fusor_dim_attributes>().dim;
  const TensorType& input = call.input(0);
  const TensorType& index = call.input(1);
  require_index(call);
  call.require_dim(dim, input);
  bool fits = index.shape.rank() == input.shape.rank();
  // An index without elements asks for nothing, whatever its sizes.
  for (int32_t i = 0; fits && index.shape.elements() > 0 && i < input.shape.rank(); ++i) {
    fits = i == dim || index.shape[i] <= input.shape[i];
  }
  if (!fits) {
    call.fail(FUSOR_ERROR_SHAPE, "index ", index.shape, " must have input ", input.shape,
              "'s rank and be no larger in any dimension but ", dim);
  }
  call.set_output(0, {input.dtype, index.shape});
}

void infer_index_select(Inference& call) {
  const int32_t dim = call.attributes<fusor_dim_attributes>().dim;
  const TensorType& input = call.input(0);
  const Shape& index = call.input(1).shape;
  require_index(call);
  call.require_dim(dim, input);
  const int32_t others = input.shape.rank() == 0 ? 0 : input.shape.rank() - 1;
  if (others + index.rank() > FUSOR_MAX_RANK) {
    call.fail(FUSOR_ERROR_SHAPE, "input ", input.shape, " indexed by ", index, " would have ",
              others + index.rank(), " dimensions, but tensors have at most ", FUSOR_MAX_RANK);
  }
  Shape output;
  for (int32_t i = 0; i < dim; ++i) output.append(input.shape[i]);
  for (const int64_t size : index.sizes()) output.append(size);
  for (int32_t i = dim + 1; i < input.shape.rank(); ++i) output.append(input.shape[i]);
  call.set_output(0, {input.dtype, output});
}

void infer_assign(Inference& call) {
  if (call.input(0).dtype != call.input(1).dtype) {
    call.fail(FUSOR_ERROR_DTYPE, "destination is ", dtype_name(call.input(0).dtype), " but source is ",
              dtype_name(call.input(1).dtype), "; convert the source");
  }
  call.require_shape(1, call.input(0).shape, "like the destination");
}

}  // namespace fusor
