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

Status multiply(OpContext& context, Conv2dArguments arguments) {
  arguments.precision = static_cast<Precision>(context.precision);
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
  return multiply(context, linear_arguments(call));
}

std::string linear_algorithm(const DeviceProperties& properties, const fusor_op_call& call,
                             int32_t precision) {
  Conv2dArguments arguments = linear_arguments(call);
  arguments.precision = static_cast<Precision>(precision);
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

/** Elements from the start of a row-major operand to the matrix that belongs to matrix `batch` of the output.
 */
int64_t matrix_offset(const fusor_buffer& operand, const fusor_buffer& output, int64_t batch) {
  int64_t offset = 0, stride = operand.sizes[operand.rank - 2] * operand.sizes[operand.rank - 1];
  for (int32_t d = output.rank - 3; d >= 0; --d) {
    const int64_t index = batch % output.sizes[d];
    batch /= output.sizes[d];
    const int32_t own = d - (output.rank - operand.rank);
    if (own < 0) continue;
    if (operand.sizes[own] > 1) offset += index * stride;
    stride *= operand.sizes[own];
  }
  return offset;
}

Status run_matmul(OpContext& context, const fusor_op_call& call) {
  const fusor_buffer& y = *call.outputs[0];
  if (element_count(y) == 0) return {};
  fusor_buffer a, b;
  FUSOR_RETURN_IF_ERROR(context.row_major(*call.inputs[0], &a));
  FUSOR_RETURN_IF_ERROR(context.row_major(transposed(*call.inputs[1]), &b));
  const int64_t size = element_size(y.dtype);
  const int64_t m = a.sizes[a.rank - 2];
  const int columns = static_cast<int>(b.sizes[b.rank - 2]), inner = static_cast<int>(b.sizes[b.rank - 1]);
  const auto multiply_at = [&](int64_t rows, int64_t a_offset, int64_t b_offset, int64_t y_offset) {
    Conv2dArguments product = matrix_product(static_cast<fusor_dtype>(y.dtype), rows, columns, inner);
    product.x = static_cast<const char*>(data_pointer(a)) + a_offset * size;
    product.weight = static_cast<const char*>(data_pointer(b)) + b_offset * size;
    product.y = static_cast<char*>(data_pointer(y)) + y_offset * size;
    return multiply(context, product);
  };
  // One right matrix for all left ones: their rows are those of one matrix.
  if (element_count(b, 0, b.rank - 2) == 1 &&
      element_count(a, 0, a.rank - 2) == element_count(y, 0, y.rank - 2)) {
    return multiply_at(element_count(a, 0, a.rank - 1), 0, 0, 0);
  }
  const int64_t batches = element_count(y, 0, y.rank - 2);
  for (int64_t i = 0; i < batches; ++i) {
    FUSOR_RETURN_IF_ERROR(multiply_at(m, matrix_offset(a, y, i), matrix_offset(b, y, i), i * m * columns));
  }
  return {};
}

}  // namespace

const OpEntry kLinear{FUSOR_OP_LINEAR, InputForm::kRowMajor, /*weights=*/0b10,
                      prepare_linear,  run_linear,           linear_algorithm};
const OpEntry kMatmul{FUSOR_OP_MATMUL, InputForm::kAnyStrides, /*weights=*/0, prepare_matmul, run_matmul,
                      nullptr};

}  // namespace fusor::cuda
