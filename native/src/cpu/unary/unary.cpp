#include "cpu/unary/unary.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "cpu/elementwise/loop.h"
#include "cpu/layout/blocked.h"
#include "cpu/layout/convert.h"

namespace fusor::cpu {

namespace {

// Calls function(x, y, count) for parts of the input, whatever its strides; x and y are contiguous.
template <class In, class Out, class Function>
fusor_status for_each_part(OpContext& context, const fusor_buffer& input, const fusor_buffer& output,
                           int64_t cost, const Function& function) {
  const fusor_buffer* inputs[1] = {&input};
  fusor_buffer copies[1];
  if (const fusor_status status = straighten(context, inputs, 1, copies)) return status;
  const ElementwiseLoop loop(output, inputs, 1);
  loop.run(context, cost, [&](const ElementwiseLoop::Piece& piece) {
    const In* const x = static_cast<const In*>(piece.inputs[0]);
    Out* const y = static_cast<Out*>(piece.output);
    function(x, y, piece.is_one[0] ? 1 : piece.count);
    if (piece.is_one[0]) repeat_element(y, sizeof(Out), piece.count);
  });
  return FUSOR_OK;
}

bool gives_truth(int32_t function) {
  return function == FUSOR_UNARY_LOGICAL_NOT || function == FUSOR_UNARY_IS_NAN;
}

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

// `x`, which is not NaN, as the nearest T towards zero.
template <class T>
T saturated(float x) {
  if (x >= static_cast<float>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  if (x <= static_cast<float>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  return static_cast<T>(x);
}

// Wraps where the result does not fit, without undefined behaviour.
template <class T>
T apply_to_integer(const fusor_unary_attributes& a, T x) {
  using Unsigned = std::make_unsigned_t<T>;
  switch (a.function) {
    case FUSOR_UNARY_RELU:
      return std::max(x, T{0});
    case FUSOR_UNARY_ABS:
      return x < T{0} ? static_cast<T>(Unsigned{0} - static_cast<Unsigned>(x)) : x;
    case FUSOR_UNARY_NEG:
      return static_cast<T>(Unsigned{0} - static_cast<Unsigned>(x));
    case FUSOR_UNARY_SQUARE:
      return static_cast<T>(static_cast<uint64_t>(x) * static_cast<uint64_t>(x));
    case FUSOR_UNARY_SIGN:
      return static_cast<T>((x > T{0}) - (x < T{0}));
    case FUSOR_UNARY_CLAMP:
      return std::min(std::max(x, saturated<T>(a.alpha)), saturated<T>(a.beta));
    default:
      return x;  // floor, ceil, round
  }
}

template <class T>
fusor_status run_integers(OpContext& context, const fusor_op_call& call, const fusor_unary_attributes& a) {
  const fusor_buffer &input = *call.inputs[0], &output = *call.outputs[0];
  if (a.function == FUSOR_UNARY_LOGICAL_NOT) {
    return for_each_part<T, uint8_t>(context, input, output, sizeof(T) + 1,
                                     [](const T* x, uint8_t* y, int64_t count) {
                                       for (int64_t i = 0; i < count; ++i) y[i] = x[i] == T{0};
                                     });
  }
  return for_each_part<T, T>(context, input, output, 2 * sizeof(T), [&](const T* x, T* y, int64_t count) {
    for (int64_t i = 0; i < count; ++i) y[i] = apply_to_integer(a, x[i]);
  });
}

fusor_status run_truth(OpContext& context, const fusor_op_call& call, int32_t function) {
  fusor_buffer input = *call.inputs[0];
  if (input.layout == FUSOR_LAYOUT_BLOCKED) {
    describe_contiguous(input);
    input.data = context.scratch.allocate(input.byte_size);
    if (!input.data) return fail(FUSOR_ERROR_OUT_OF_MEMORY, "unary: no memory for a contiguous copy");
    if (fusor_status status =
            convert_layout(context.kernels, context.pool, context.threads, *call.inputs[0], input))
      return status;
  }
  return for_each_part<float, uint8_t>(context, input, *call.outputs[0], 5,
                                       [&](const float* x, uint8_t* y, int64_t count) {
                                         if (function == FUSOR_UNARY_IS_NAN) {
                                           for (int64_t i = 0; i < count; ++i) y[i] = x[i] != x[i];
                                         } else {
                                           for (int64_t i = 0; i < count; ++i) y[i] = x[i] == 0.f;
                                         }
                                       });
}

// Bytes of memory traffic that take as long as an element: transcendental functions compute for longer.
int64_t cost_of(int32_t function) {
  switch (function) {
    case FUSOR_UNARY_GELU:
    case FUSOR_UNARY_GELU_TANH:
    case FUSOR_UNARY_SILU:
    case FUSOR_UNARY_SIGMOID:
    case FUSOR_UNARY_TANH:
    case FUSOR_UNARY_ERF:
    case FUSOR_UNARY_EXP:
    case FUSOR_UNARY_LOG:
    case FUSOR_UNARY_SIN:
    case FUSOR_UNARY_COS:
    case FUSOR_UNARY_ELU:
    case FUSOR_UNARY_SELU:
    case FUSOR_UNARY_SOFTPLUS:
    case FUSOR_UNARY_MISH:
      return 4 * 8;
    default:
      return 8;
  }
}

void run_blocked(OpContext& context, const fusor_unary_attributes& a, const BlockedView& x,
                 const BlockedView& y) {
  const BlockedShape& shape = y.shape;
  zero_halo(y);
  const int64_t tail = shape.c % shape.lanes;
  const int threads = static_cast<int>(
      std::clamp<int64_t>(shape.elements() * cost_of(a.function) / (64 * 1024), 1, context.threads));
  WorkShares shares(shape.n * shape.blocks() * shape.h, threads);
  context.pool.share(threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t row = item % shape.h, block = item / shape.h % shape.blocks();
      const int64_t image = item / shape.h / shape.blocks();
      float* output = y.at(image, block, row, 0);
      context.kernels.unary->apply(a.function, a.alpha, a.beta, x.at(image, block, row, 0), output,
                                   shape.w * shape.lanes);
      // exp(0), cos(0) and others are not zero: the padding lanes must be.
      if (tail && block == shape.blocks() - 1)
        for (int64_t pixel = 0; pixel < shape.w; ++pixel)
          std::fill(output + pixel * shape.lanes + tail, output + (pixel + 1) * shape.lanes, 0.f);
    }
  });
}

fusor_status prepare(const KernelSet& kernels, const fusor_op_call& call) {
  const fusor_buffer& x = *call.inputs[0];
  const int32_t function = static_cast<const fusor_unary_attributes*>(call.attributes)->function;
  if (x.dtype == FUSOR_F16 || x.dtype == FUSOR_BF16 || (x.dtype != FUSOR_F32 && !takes_integers(function)))
    return fail(FUSOR_ERROR_DTYPE,
                "unary: the CPU computes this function in f32; convert the input to f32 first");
  if (x.layout == FUSOR_LAYOUT_BLOCKED && !gives_truth(function))
    describe_blocked(*call.outputs[0], kernels.lanes, blocked_shape(x).halo);
  return FUSOR_OK;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_unary_attributes*>(call.attributes);
  const fusor_buffer& x = *call.inputs[0];
  if (element_count(x) == 0) return FUSOR_OK;
  if (x.dtype == FUSOR_F32 && gives_truth(a.function)) return run_truth(context, call, a.function);
  if (x.layout == FUSOR_LAYOUT_BLOCKED) {
    run_blocked(context, a, blocked_view(x), blocked_view(*call.outputs[0]));
    return FUSOR_OK;
  }
  switch (x.dtype) {
    case FUSOR_I32:
      return run_integers<int32_t>(context, call, a);
    case FUSOR_I64:
      return run_integers<int64_t>(context, call, a);
    case FUSOR_U8:
      return run_integers<uint8_t>(context, call, a);
    default:
      break;
  }
  return for_each_part<float, float>(
      context, x, *call.outputs[0], cost_of(a.function), [&](const float* from, float* to, int64_t count) {
        context.kernels.unary->apply(a.function, a.alpha, a.beta, from, to, count);
      });
}

}  // namespace

const OpEntry unary_op{FUSOR_OP_UNARY, /*takes_strides=*/true, /*takes_blocked=*/true, prepare, run};

}  // namespace fusor::cpu
