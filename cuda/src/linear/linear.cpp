#include "linear/linear.h"

#include <limits>

#include "conv2d/conv2d.h"

namespace fusor::cuda {
namespace {

const void* optional_data(const fusor_op_call& call, int32_t index) {
  return index < call.input_count && call.inputs[index] != nullptr ? data_pointer(*call.inputs[index])
                                                                   : nullptr;
}

Status require_32_bits(int64_t columns, int64_t inner) {
  if (columns <= std::numeric_limits<int32_t>::max() && inner <= std::numeric_limits<int32_t>::max())
    return {};
  return {FUSOR_ERROR_UNSUPPORTED, "a matrix of more than 2^31 columns does not fit the kernels"};
}

// Rows of a product are images, or parts of images, as one likes: a choice that ignores the batch is made as
// for a great many, which are never split.
void take_options(Conv2dArguments& arguments, const OpOptions& options) {
  arguments.precision = static_cast<Precision>(options.precision);
  if (options.deterministic) arguments.deciding_n = int64_t{1} << 20;
}

Status multiply(OpContext& context, Conv2dArguments arguments) {
  take_options(arguments, context.options);
  const Conv2dChoice choice = choose_conv2d(*context.stream.properties, arguments);
  if (const int64_t bytes = conv2d_workspace(arguments, choice); bytes > 0) {
    FUSOR_RETURN_IF_ERROR(context.workspace(bytes, &arguments.workspace));
  }
  return conv2d(context.stream, arguments, choice);
}

// ---- linear: x [..., i], weight [o, i], [bias [o]], [residual [..., o]]

Conv2dArguments linear_arguments(const fusor_op_call& call) {
  const fusor_buffer &x = *call.inputs[0], &weight = *call.inputs[1];
  const int64_t rows = element_count(x, 0, x.rank - 1);
  Conv2dArguments a = matrix_product(static_cast<fusor_dtype>(x.dtype), rows,
                                     static_cast<int>(weight.sizes[0]), static_cast<int>(weight.sizes[1]));
  a.x = data_pointer(x);
  a.weight = data_pointer(weight);
  a.bias = optional_data(call, 2);
  a.residual = optional_data(call, 3);
  a.y = data_pointer(*call.outputs[0]);
  a.activation = static_cast<const fusor_linear_attributes*>(call.attributes)->activation;
  return a;
}

Status prepare_linear(const fusor_op_call& call) {
  FUSOR_RETURN_IF_ERROR(require_floats(call));
  return require_32_bits(call.inputs[1]->sizes[0], call.inputs[1]->sizes[1]);
}

Status run_linear(OpContext& context, const fusor_op_call& call) {
  Conv2dArguments a = linear_arguments(call);
  a.constant_weight = context.is_constant(1);
  return multiply(context, a);
}

std::string linear_algorithm(const DeviceProperties& properties, const fusor_op_call& call,
                             const OpOptions& options) {
  Conv2dArguments arguments = linear_arguments(call);
  take_options(arguments, options);
  return describe(choose_conv2d(properties, arguments)) + " (cost model)";
}

// ---- matmul: a [..., m, k], b [..., k, n], batch dimensions broadcast

// The kernels take the second operand by columns: b transposed, which costs nothing where b is a transposed
// view already.
fusor_buffer transposed(const fusor_buffer& b) {
  fusor_buffer result = b;
  const int32_t rows = b.rank - 2, columns = b.rank - 1;
  std::swap(result.sizes[rows], result.sizes[columns]);
  std::swap(result.strides[rows], result.strides[columns]);
  return result;
}

Status prepare_matmul(const fusor_op_call& call) {
  FUSOR_RETURN_IF_ERROR(require_floats(call));
  const fusor_buffer& b = *call.inputs[1];
  return require_32_bits(b.sizes[b.rank - 1], b.sizes[b.rank - 2]);
}

/** The product as rows of `a` times rows of `b`, both row-major or as good as; without their pointers. */
Conv2dArguments matmul_arguments(const fusor_buffer& a, const fusor_buffer& b, const fusor_buffer& y) {
  const auto dtype = static_cast<fusor_dtype>(y.dtype);
  const int columns = static_cast<int>(b.sizes[b.rank - 2]), inner = static_cast<int>(b.sizes[b.rank - 1]);
  if (inner == 0) return matrix_product(dtype, element_count(y, 0, y.rank - 1), columns, 0);
  const int64_t a_matrices = element_count(a, 0, a.rank - 2), b_matrices = element_count(b, 0, b.rank - 2);
  // One right matrix for all left ones: their rows are those of one matrix.
  if (b_matrices == 1 && a_matrices == element_count(y, 0, y.rank - 2)) {
    return matrix_product(dtype, element_count(a, 0, a.rank - 1), columns, inner);
  }
  Conv2dArguments product = matrix_product(dtype, a.sizes[a.rank - 2], columns, inner);
  int64_t a_step = 1, b_step = 1;
  for (int32_t d = 3; d <= y.rank; ++d) {  // from the last dimension of the batch outwards
    const auto step_of = [&](const fusor_buffer& operand, int64_t& step) -> int64_t {
      const int64_t size = d <= operand.rank ? operand.sizes[operand.rank - d] : 1;
      if (size == 1) return 0;  // the same matrices again
      const int64_t own = step;
      step *= size;
      return own;
    };
    const int64_t of_a = step_of(a, a_step), of_b = step_of(b, b_step);
    product.batch.add(y.sizes[y.rank - d], of_a, of_b);
  }
  product.batch.x_matrices = a_matrices;
  product.batch.weight_matrices = b_matrices;
  return product;
}

Status run_matmul(OpContext& context, const fusor_op_call& call) {
  const fusor_buffer& y = *call.outputs[0];
  if (element_count(y) == 0) return {};
  fusor_buffer a, b;
  FUSOR_RETURN_IF_ERROR(context.row_major(*call.inputs[0], &a));
  FUSOR_RETURN_IF_ERROR(context.row_major(transposed(*call.inputs[1]), &b));
  Conv2dArguments product = matmul_arguments(a, b, y);
  product.x = data_pointer(a);
  product.weight = data_pointer(b);
  product.y = data_pointer(y);
  return multiply(context, product);
}

std::string matmul_algorithm(const DeviceProperties& properties, const fusor_op_call& call,
                             const OpOptions& options) {
  Conv2dArguments product = matmul_arguments(*call.inputs[0], transposed(*call.inputs[1]), *call.outputs[0]);
  take_options(product, options);
  return describe(choose_conv2d(properties, product)) + " (cost model)";
}

}  // namespace

const OpEntry kLinear{FUSOR_OP_LINEAR, InputForm::kRowMajor, /*weights=*/0b10,
                      prepare_linear,  run_linear,           linear_algorithm};
const OpEntry kMatmul{FUSOR_OP_MATMUL, InputForm::kAnyStrides, /*weights=*/0, prepare_matmul,
                      run_matmul,      matmul_algorithm};

}  // namespace fusor::cuda
