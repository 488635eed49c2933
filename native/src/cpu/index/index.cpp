#include "cpu/index/index.h"

#include <algorithm>
#include <cstring>

namespace fusor::cpu {

namespace {

fusor_status prepare(const KernelSet&, const fusor_op_call&) {
  return FUSOR_OK;
}  // moves any dtype

int64_t index_at(const fusor_buffer& index, int64_t position) {
  return index.dtype == FUSOR_I64 ? data_of<const int64_t>(index)[position]
                                  : data_of<const int32_t>(index)[position];
}

// Indices are data, so they can be checked only here.
fusor_status check_indices(const char* op, const fusor_buffer& index, int64_t size, int32_t dim) {
  const int64_t count = element_count(index);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t value = index_at(index, i);
    if (value < 0 || value >= size)
      return fail(FUSOR_ERROR_ARGUMENT,
                  "%s: index %lld at position %lld is out of range for dimension %d of size %lld", op,
                  static_cast<long long>(value), static_cast<long long>(i), dim,
                  static_cast<long long>(size));
  }
  return FUSOR_OK;
}

// x [outer, size, inner], index [count] -> [outer, count, inner]: runs of `inner` elements are copied.
fusor_status run_index_select(OpContext& context, const fusor_op_call& call) {
  const int32_t dim = static_cast<const fusor_dim_attributes*>(call.attributes)->dim;
  const fusor_buffer &x = *call.inputs[0], &index = *call.inputs[1];
  if (fusor_status status = check_indices("indexSelect", index, x.sizes[dim], dim)) return status;
  const int64_t count = element_count(index);
  int64_t outer = 1, run_bytes = element_size(x.dtype);
  for (int32_t d = 0; d < dim; ++d) outer *= x.sizes[d];
  for (int32_t d = dim + 1; d < x.rank; ++d) run_bytes *= x.sizes[d];
  if (outer * count * run_bytes == 0) return FUSOR_OK;

  const char* source = data_of<const char>(x);
  char* target = data_of<char>(*call.outputs[0]);
  const int64_t at_once = std::max<int64_t>(1, 16384 / run_bytes), runs = outer * count;
  WorkShares shares((runs + at_once - 1) / at_once, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;)
      for (int64_t run = item * at_once; run < std::min(runs, (item + 1) * at_once); ++run)
        std::memcpy(target + run * run_bytes,
                    source + (run / count * x.sizes[dim] + index_at(index, run % count)) * run_bytes,
                    static_cast<size_t>(run_bytes));
  });
  return FUSOR_OK;
}

// Output element (i, j, k) is x's element with the position along `dim` replaced by index[i, j, k].
fusor_status run_gather(OpContext& context, const fusor_op_call& call) {
  const int32_t dim = static_cast<const fusor_dim_attributes*>(call.attributes)->dim;
  const fusor_buffer &x = *call.inputs[0], &index = *call.inputs[1];
  const int32_t rank = x.rank;
  if (fusor_status status = check_indices("gather", index, rank ? x.sizes[dim] : 1, dim)) return status;
  const int64_t count = element_count(index), size = element_size(x.dtype);
  const char* source = data_of<const char>(x);
  char* target = data_of<char>(*call.outputs[0]);
  constexpr int64_t kAtOnce = 4096;
  WorkShares shares((count + kAtOnce - 1) / kAtOnce, context.threads);
  context.pool.share(context.threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;)
      for (int64_t position = item * kAtOnce; position < std::min(count, (item + 1) * kAtOnce); ++position) {
        int64_t offset = 0, rest = position;
        for (int32_t d = rank - 1; d >= 0; --d) {
          offset += (d == dim ? index_at(index, position) : rest % index.sizes[d]) * x.strides[d];
          rest /= index.sizes[d];
        }
        std::memcpy(target + position * size, source + offset * size, static_cast<size_t>(size));
      }
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry gather_op{FUSOR_OP_GATHER, /*takes_strides=*/false, /*takes_blocked=*/false, prepare,
                        run_gather};
const OpEntry index_select_op{FUSOR_OP_INDEX_SELECT, false, false, prepare, run_index_select};

}  // namespace fusor::cpu
