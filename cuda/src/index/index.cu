// The results are walked in their order in memory with the index and the input beside them, whose strides
// along the picked dimension are 0: what the index says is added. Rows of a table (index_select, embeddings)
// move 16 bytes at a time. Reads as much as is asked for and writes it once.
//
// Indices are data, so they can be checked only here: one out of range reads nothing and is reported
// (fault.h).
#include "index/index.h"

#include "elementwise/elementwise.h"
#include "index/report.h"

namespace fusor::cuda {
namespace {

template <class Unit>
struct Pick {
  static constexpr int kInputs = 2;  // index, x
  template <int V>
  struct Loaded {
    Unit x[V];
  };
  const void* index;
  bool is_i64;
  const Unit* x;
  Unit* y;
  int64_t size, stride;  // of the picked dimension
  int32_t op, dim;       // for the report
  IndexFault* fault;

  FUSOR_DEVICE int64_t index_at(int64_t offset) const {
    if (is_i64) return load<1>(static_cast<const int64_t*>(index) + offset).values[0];
    return load<1>(static_cast<const int32_t*>(index) + offset).values[0];
  }
  template <int V>
  FUSOR_DEVICE void read(Loaded<V>& l, const int64_t (&offset)[3], unsigned, int count) const {
    const int64_t picked = index_at(offset[1]);
    if (picked < 0 || picked >= size) {
      report_index(fault, this->op, dim, picked, size);
#pragma unroll
      for (int i = 0; i < V; ++i) l.x[i] = Unit{};
      return;
    }
    load_values<V>(l.x, x + offset[2] + picked * stride, false, count);
  }
  template <int V>
  FUSOR_DEVICE void write(const Loaded<V>& l, int64_t target, int count) const {
    store_values<V>(y + target, l.x, count);
  }
};

template <class Unit>
Status run_units(OpContext& context, const fusor_op_call& call, const Dimensions<3>& dimensions,
                 int32_t dim) {
  const fusor_buffer &x = *call.inputs[0], &index = *call.inputs[1], &y = *call.outputs[0];
  Pick<Unit> op;
  op.index = data_pointer(index);
  op.is_i64 = index.dtype == FUSOR_I64;
  op.x = static_cast<const Unit*>(data_pointer(x));
  op.y = static_cast<Unit*>(data_pointer(y));
  op.size = x.rank == 0 ? 1 : x.sizes[dim];
  op.stride = x.rank == 0 ? 0 : x.strides[dim];
  op.op = call.op;
  op.dim = dim;
  FUSOR_RETURN_IF_ERROR(context.index_fault(&op.fault));
  const auto size = static_cast<int64_t>(sizeof(Unit));
  // As the index is constant along a vector of elements (see read), its own size does not matter.
  const Elementwise<2> loop(dimensions, {{op.y, size}, {op.index, 1}, {op.x, size}});
  constexpr int kWidth = 16 / sizeof(Unit);
  const bool wide = loop.is_constant(1) && op.stride % kWidth == 0;
  return wide ? loop.template run<kWidth>(context.stream, op) : loop.template run<1>(context.stream, op);
}

Status run_on(OpContext& context, const fusor_op_call& call, const Dimensions<3>& dimensions, int32_t dim) {
  if (element_count(*call.outputs[0]) == 0) return {};
  switch (element_size(call.inputs[0]->dtype)) {
    case 1:
      return run_units<uint8_t>(context, call, dimensions, dim);
    case 2:
      return run_units<uint16_t>(context, call, dimensions, dim);
    case 4:
      return run_units<uint32_t>(context, call, dimensions, dim);
    default:
      return run_units<uint64_t>(context, call, dimensions, dim);
  }
}

Status prepare(const fusor_op_call&) {
  return {};
}  // moves elements of any dtype

// Output element (i, j, k) is x's element with the position along `dim` replaced by index[i, j, k].
Status run_gather(OpContext& context, const fusor_op_call& call) {
  const int32_t dim = static_cast<const fusor_dim_attributes*>(call.attributes)->dim;
  const fusor_buffer &x = *call.inputs[0], &index = *call.inputs[1], &y = *call.outputs[0];
  Dimensions<3> dimensions;
  for (int32_t d = 0; d < y.rank; ++d)
    dimensions.add(y.sizes[d], {y.strides[d], index.strides[d], d == dim ? 0 : x.strides[d]});
  return run_on(context, call, dimensions, dim);
}

// The dimension `dim` of x is replaced by those of the index.
Status run_index_select(OpContext& context, const fusor_op_call& call) {
  const int32_t dim = static_cast<const fusor_dim_attributes*>(call.attributes)->dim;
  const fusor_buffer &x = *call.inputs[0], &index = *call.inputs[1], &y = *call.outputs[0];
  Dimensions<3> dimensions;
  int32_t to = 0;
  const auto add = [&](int64_t size, int64_t index_stride, int64_t x_stride) {
    dimensions.add(size, {y.strides[to++], index_stride, x_stride});
  };
  for (int32_t d = 0; d < dim; ++d) add(x.sizes[d], 0, x.strides[d]);
  for (int32_t d = 0; d < index.rank; ++d) add(index.sizes[d], index.strides[d], 0);
  for (int32_t d = dim + 1; d < x.rank; ++d) add(x.sizes[d], 0, x.strides[d]);
  return run_on(context, call, dimensions, dim);
}

}  // namespace

const OpEntry kGather{FUSOR_OP_GATHER, InputForm::kAnyStrides, /*weights=*/0, prepare, run_gather};
const OpEntry kIndexSelect{FUSOR_OP_INDEX_SELECT, InputForm::kAnyStrides, /*weights=*/0, prepare,
                           run_index_select};

}  // namespace fusor::cuda
