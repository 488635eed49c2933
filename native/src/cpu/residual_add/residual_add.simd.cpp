// Two reads and a write per element: bound by memory bandwidth.
#include "cpu/residual_add/residual_add.h"

#include "cpu/simd/activation.h"
#include "cpu/simd/vector.h"

namespace fusor::cpu::FUSOR_SIMD_NAMESPACE {
namespace {

void add(const float* x, const float* residual, float* y, int64_t count, const fusor_activation& activation) {
  const fusor_activation kind = activation;  // in registers: y cannot alias it
  int64_t i = 0;
  if (kind.kind == FUSOR_ACTIVATION_RELU)
    for (; i + kLanes <= count; i += kLanes) store(y + i, relu(load(x + i) + load(residual + i)));
  for (; i + kLanes <= count; i += kLanes) store(y + i, activate(load(x + i) + load(residual + i), kind));
  if (i < count) {
    const int rest = static_cast<int>(count - i);
    store_partial(y + i, activate(load_partial(x + i, rest) + load_partial(residual + i, rest), kind), rest);
  }
}

}  // namespace

extern const ResidualAddKernels residual_add_kernels;
const ResidualAddKernels residual_add_kernels{add};

}  // namespace fusor::cpu::FUSOR_SIMD_NAMESPACE
