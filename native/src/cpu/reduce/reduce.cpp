#include "cpu/reduce/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "cpu/reduce/geometry.h"
#include "cpu/reduce/walk.h"

namespace fusor::cpu {
namespace {

fusor_status out_of_memory() {
  return fail(FUSOR_ERROR_OUT_OF_MEMORY, "reduce: no memory for partial results");
}

// ---- f32

double start_of(Fold fold) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return fold == Fold::Product ? 1 : fold == Fold::Maximum ? -infinity : fold == Fold::Minimum ? infinity : 0;
}

// Joins what `count` elements gave to what `before` others did.
void merge(Fold fold, double* into, int64_t before, const double* from, int64_t count) {
  switch (fold) {
    case Fold::Sum:
      *into += *from;
      break;
    case Fold::Product:
      *into *= *from;
      break;
    case Fold::Maximum:
      if (std::isnan(*from) || *from > *into) *into = *from;
      break;
    case Fold::Minimum:
      if (std::isnan(*from) || *from < *into) *into = *from;
      break;
    case Fold::Moments: {
      const double n = static_cast<double>(before), m = static_cast<double>(count), delta = from[0] - into[0];
      into[0] += delta * (m / (n + m));
      into[1] += from[1] + delta * delta * (n * (m / (n + m)));
      break;
    }
  }
}

Fold fold_of(int32_t function) {
  switch (function) {
    case FUSOR_REDUCE_PROD:
      return Fold::Product;
    case FUSOR_REDUCE_MAX:
      return Fold::Maximum;
    case FUSOR_REDUCE_MIN:
      return Fold::Minimum;
    case FUSOR_REDUCE_VARIANCE:
      return Fold::Moments;
    default:
      return Fold::Sum;
  }
}

// The result from what all elements gave. Of nothing: the mean and the variance are 0 / 0.
float finished(const fusor_reduce_attributes& a, const double* numbers, int64_t folded) {
  const double count = static_cast<double>(folded);
  if (a.function == FUSOR_REDUCE_MEAN) return static_cast<float>(numbers[0] / count);
  if (a.function != FUSOR_REDUCE_VARIANCE) return static_cast<float>(numbers[0]);
  const double squares = folded > 0 ? numbers[1] : std::numeric_limits<double>::quiet_NaN();
  return static_cast<float>(squares / std::max(0.0, count - static_cast<double>(a.correction)));
}

template <int kNumbers>
fusor_status reduce_floats(OpContext& context, const fusor_op_call& call, const fusor_reduce_attributes& a,
                           const ReduceGeometry& g) {
  const float* const x = data_of<const float>(*call.inputs[0]);
  float* const y = data_of<float>(*call.outputs[0]);
  const Fold fold = fold_of(a.function);
  const double start = start_of(fold);
  if (g.folded == 0) {
    const double numbers[2] = {start, start};
    std::fill_n(y, g.outputs, finished(a, numbers, 0));
    return FUSOR_OK;
  }
  const ReduceKernels& kernels = *context.kernels.reduce;
  const auto kernel = (g.inner_reduced ? kernels.rows : kernels.columns)[static_cast<int>(fold)];
  const ReduceWalk<double, kNumbers> walk(g, kernels.columns_at_once);
  const bool done = walk.run(
      context, start,
      [&](const ReduceRun& run, double* results) {
        kernel(x + run.offset, run.outputs, run.count, run.stride, run.before, results);
      },
      [&](double* into, int64_t before, const double* from, int64_t count) {
        merge(fold, into, before, from, count);
      },
      [&](int64_t output, const double* numbers) { y[output] = finished(a, numbers, g.folded); });
  return done ? FUSOR_OK : out_of_memory();
}

// ---- integers and truth, folded in int64

// Sums and products wrap around, as in PyTorch.
struct IntegerSum {
  static constexpr int64_t kStart = 0;
  static int64_t of(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
};
struct IntegerProduct {
  static constexpr int64_t kStart = 1;
  static int64_t of(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  }
};
struct IntegerMaximum {
  static constexpr int64_t kStart = std::numeric_limits<int64_t>::min();
  static int64_t of(int64_t a, int64_t b) { return std::max(a, b); }
};
struct IntegerMinimum {
  static constexpr int64_t kStart = std::numeric_limits<int64_t>::max();
  static int64_t of(int64_t a, int64_t b) { return std::min(a, b); }
};
struct Any {
  static constexpr int64_t kStart = 0;
  static int64_t of(int64_t a, int64_t b) { return a | b; }
};
struct All {
  static constexpr int64_t kStart = 1;
  static int64_t of(int64_t a, int64_t b) { return a & b; }
};

// `Value` says what an element counts for.
template <class In, class Out, class F, class Value>
fusor_status reduce_elements(OpContext& context, const fusor_op_call& call, const ReduceGeometry& g,
                             const Value& value) {
  const In* const x = data_of<const In>(*call.inputs[0]);
  Out* const y = data_of<Out>(*call.outputs[0]);
  if (g.folded == 0) {
    std::fill_n(y, g.outputs, static_cast<Out>(F::kStart));
    return FUSOR_OK;
  }
  constexpr int64_t kColumns = 64;
  const ReduceWalk<int64_t, 1> walk(g, kColumns);
  const auto fold_rows = [&](const ReduceRun& run, int64_t* results) {
    for (int64_t i = 0; i < run.outputs; ++i) {
      const In* const row = x + run.offset + i * run.stride;
      int64_t result = results[i];
      for (int64_t k = 0; k < run.count; ++k) result = F::of(result, value(row[k]));
      results[i] = result;
    }
  };
  const auto fold_columns = [&](const ReduceRun& run, int64_t* results) {
    for (int64_t k = 0; k < run.count; ++k) {
      const In* const row = x + run.offset + k * run.stride;
      for (int64_t i = 0; i < run.outputs; ++i) results[i] = F::of(results[i], value(row[i]));
    }
  };
  const bool done = walk.run(
      context, F::kStart,
      [&](const ReduceRun& run, int64_t* results) {
        g.inner_reduced ? fold_rows(run, results) : fold_columns(run, results);
      },
      [](int64_t* into, int64_t, const int64_t* from, int64_t) { *into = F::of(*into, *from); },
      [&](int64_t output, const int64_t* result) { y[output] = static_cast<Out>(*result); });
  return done ? FUSOR_OK : out_of_memory();
}

template <class T>
fusor_status reduce_integers(OpContext& context, const fusor_op_call& call, int32_t function,
                             const ReduceGeometry& g) {
  const auto itself = [](T value) { return static_cast<int64_t>(value); };
  switch (function) {
    case FUSOR_REDUCE_SUM:
      return reduce_elements<T, int64_t, IntegerSum>(context, call, g, itself);
    case FUSOR_REDUCE_PROD:
      return reduce_elements<T, int64_t, IntegerProduct>(context, call, g, itself);
    case FUSOR_REDUCE_MAX:
      return reduce_elements<T, T, IntegerMaximum>(context, call, g, itself);
    default:
      return reduce_elements<T, T, IntegerMinimum>(context, call, g, itself);
  }
}

template <class T>
fusor_status reduce_truth(OpContext& context, const fusor_op_call& call, int32_t function,
                          const ReduceGeometry& g) {
  const auto is_true = [](T value) { return static_cast<int64_t>(value != T{0}); };
  return function == FUSOR_REDUCE_ANY ? reduce_elements<T, uint8_t, Any>(context, call, g, is_true)
                                      : reduce_elements<T, uint8_t, All>(context, call, g, is_true);
}

// Calls body with a number of the dtype's type.
template <class Body>
fusor_status by_dtype(int32_t dtype, const Body& body) {
  switch (dtype) {
    case FUSOR_F32:
      return body(float{});
    case FUSOR_I64:
      return body(int64_t{});
    case FUSOR_I32:
      return body(int32_t{});
    default:
      return body(uint8_t{});
  }
}

fusor_status prepare(const KernelSet&, const fusor_op_call& call) {
  const int32_t dtype = call.inputs[0]->dtype;
  if (dtype == FUSOR_F16 || dtype == FUSOR_BF16) {
    return fail(FUSOR_ERROR_DTYPE,
                "reduce: the CPU takes f32 and integers; convert 16-bit floats to f32 first");
  }
  return FUSOR_OK;
}

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_reduce_attributes*>(call.attributes);
  const ReduceGeometry geometry(*call.inputs[0], a.dims, a.dim_count);
  if (geometry.outputs == 0) return FUSOR_OK;
  return by_dtype(call.inputs[0]->dtype, [&](auto zero) {
    using T = decltype(zero);
    if (a.function == FUSOR_REDUCE_ANY || a.function == FUSOR_REDUCE_ALL) {
      return reduce_truth<T>(context, call, a.function, geometry);
    }
    if constexpr (std::is_same_v<T, float>) {
      return a.function == FUSOR_REDUCE_VARIANCE ? reduce_floats<2>(context, call, a, geometry)
                                                 : reduce_floats<1>(context, call, a, geometry);
    } else {
      return reduce_integers<T>(context, call, a.function, geometry);
    }
  });
}

}  // namespace

const OpEntry reduce_op{FUSOR_OP_REDUCE, /*takes_strides=*/false, /*takes_blocked=*/false, prepare, run};

}  // namespace fusor::cpu
