// Moves elements without looking at them, so there is a kernel per size of element. Three reads and a write;
// the limit is the bandwidth of a copy.
#include "where/where.h"

#include "elementwise/elementwise.h"
#include "geometry/layout.h"

namespace fusor::cuda {
namespace {

template <class Word>
struct Select {
  static constexpr int kInputs = 3;
  template <int V>
  struct Loaded {
    uint8_t condition[V];
    Word a[V], b[V];
  };
  const uint8_t* condition;
  const Word *a, *b;
  Word* y;

  template <int V>
  FUSOR_DEVICE void read(Loaded<V>& l, const int64_t (&offset)[4], unsigned repeats, int count) const {
    load_values<V>(l.condition, condition + offset[1], repeats & 1, count);
    load_values<V>(l.a, a + offset[2], repeats & 2, count);
    load_values<V>(l.b, b + offset[3], repeats & 4, count);
  }
  template <int V>
  FUSOR_DEVICE void write(const Loaded<V>& l, int64_t target, int count) const {
    Word result[V];
#pragma unroll
    for (int i = 0; i < V; ++i)
      if (i < count) result[i] = l.condition[i] != 0 ? l.a[i] : l.b[i];
    store_values<V>(y + target, result, count);
  }
};

template <class Word>
Status run_words(Stream& stream, const fusor_op_call& call) {
  const fusor_buffer &condition = *call.inputs[0], &a = *call.inputs[1], &b = *call.inputs[2];
  const fusor_buffer& y = *call.outputs[0];
  return Elementwise<3>(y, {&condition, &a, &b})
      .template run<16 / sizeof(Word)>(stream,
                                       Select<Word>{data_of<const uint8_t>(condition), data_of<const Word>(a),
                                                    data_of<const Word>(b), data_of<Word>(y)});
}

Status prepare(const fusor_op_call& call) {
  fusor_buffer& output = *call.outputs[0];
  for (const int k : {1, 2, 0})
    if (take_layout(output, *call.inputs[k])) break;
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  switch (element_size(call.outputs[0]->dtype)) {
    case 1:
      return run_words<uint8_t>(context.stream, call);
    case 2:
      return run_words<uint16_t>(context.stream, call);
    case 4:
      return run_words<uint32_t>(context.stream, call);
    default:
      return run_words<uint64_t>(context.stream, call);
  }
}

}  // namespace

const OpEntry kWhere{FUSOR_OP_WHERE, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
