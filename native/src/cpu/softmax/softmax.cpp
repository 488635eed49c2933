#include "cpu/softmax/softmax.h"

#include <algorithm>

#include "cpu/memory/memory.h"

namespace fusor::cpu {

namespace {

fusor_status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_softmax_attributes*>(call.attributes);
  const fusor_buffer& input = *call.inputs[0];
  const int64_t count = element_count(input);
  if (count == 0) return FUSOR_OK;
  const int64_t size = input.rank ? input.sizes[a.dim] : 1;
  int64_t inner = 1;
  for (int32_t d = a.dim + 1; d < input.rank; ++d) inner *= input.sizes[d];
  const int64_t outer = count / (size * inner);
  const float* x = data_of<const float>(input);
  float* y = data_of<float>(*call.outputs[0]);
  const SoftmaxKernels& kernels = *context.kernels.softmax;
  const bool log = a.log != 0;
  const int threads = count < 8192 ? 1 : context.threads;

  if (inner == 1) {
    const bool streams = count * int64_t{sizeof(float)} >= kStreamedBytes;
    // As for layer-norm: 16 items for every thread, of no less than some 16 KB.
    const int64_t rows_at_once = std::max<int64_t>({1, 4096 / size, outer / (threads * int64_t{16})});
    WorkShares shares((outer + rows_at_once - 1) / rows_at_once, threads);
    context.pool.share(threads, [&](Team& team) {
      for (int64_t item; (item = shares.take(team)) >= 0;) {
        const int64_t first = item * rows_at_once;
        kernels.rows(
            {x + first * size, y + first * size, std::min(rows_at_once, outer - first), size, log, streams});
      }
    });
    return FUSOR_OK;
  }
  const int64_t groups = (inner + kernels.columns_at_once - 1) / kernels.columns_at_once;
  WorkShares shares(outer * groups, threads);
  context.pool.share(threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t first = item % groups * kernels.columns_at_once;
      const int64_t offset = item / groups * size * inner + first;
      kernels.columns(x + offset, y + offset,
                      static_cast<int>(std::min<int64_t>(kernels.columns_at_once, inner - first)), size,
                      inner, log);
    }
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry softmax_op{FUSOR_OP_SOFTMAX, /*takes_strides=*/false, /*takes_blocked=*/false, nullptr, run};

}  // namespace fusor::cpu
