// A block per row. Elements become unsigned keys of which the least come first. The results are made kChunk
// at a time: radix selection finds the key of the chunk's last result (a histogram of 8 bits of the keys,
// then of the next 8 among those that agree, from the top), a pass in order of index collects the chunk's
// elements, and a bitonic network in shared memory sorts them by key and index.
//
// Napkin: a chunk of 1024 results reads the row 5 times for keys of 32 bits, from the L2 after the first; k
// up to 1024, the common case, is one chunk. Exact and in fixed order: counts are integers, places come from
// prefix sums.
#include "topk/topk.h"

#include <algorithm>

#include "arch/launch.h"
#include "arch/vector.h"
#include "arch/warp.h"
#include "geometry/dimensions.h"
#include "geometry/dispatch.h"

namespace fusor::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kChunk = 1024;

template <class T>
using Key = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

/** Ordered as the elements are, NaN greatest; inverted where the greatest come first. */
template <class T>
FUSOR_DEVICE Key<T> key_of(T x, bool largest) {
  Key<T> key;
  if constexpr (std::is_same_v<T, uint8_t>) {
    key = x;
  } else if constexpr (std::is_integral_v<T>) {
    constexpr Key<T> sign = Key<T>{1} << (8 * sizeof(T) - 1);
    key = static_cast<Key<T>>(x) ^ sign;
  } else {
    const float f = to_float(x);
    // Plus zero: the zeros of both signs are equal.
    const uint32_t bits = __float_as_uint(f + 0.f);
    key = f != f ? 0xffffffffu : bits >> 31 ? ~bits : bits | 0x80000000u;
  }
  return largest ? static_cast<Key<T>>(~key) : key;
}

template <class T>
struct Rows {
  const T* x;
  T* values;
  int64_t* indices;
  Walk<2> kept;  // operand 0: the outputs, 1: x
  int64_t rows, size, k;
  int64_t x_step, y_step;
  bool largest;
};

template <class K>
struct Entry {
  K key;
  uint32_t index;
};
template <class K>
FUSOR_DEVICE bool comes_first(const Entry<K>& a, const Entry<K>& b) {
  return a.key != b.key ? a.key < b.key : a.index < b.index;
}

/** The sum of `count` over the threads of the block before this one; totals[w] becomes the sum of warp w. All
 * threads call it, and a barrier follows before the next call. */
FUSOR_DEVICE uint32_t numbers_before(uint32_t count, uint32_t* totals) {
  uint32_t including = count;
#pragma unroll
  for (int step = 1; step < kWarpSize; step *= 2) {
    const uint32_t other = __shfl_up_sync(kFullWarp, including, step);
    if (lane_index() >= step) including += other;
  }
  if (lane_index() == kWarpSize - 1) totals[warp_index()] = including;
  __syncthreads();
  uint32_t before = including - count;
  for (int w = 0; w < warp_index(); ++w) before += totals[w];
  return before;
}
FUSOR_DEVICE uint32_t sum_of(const uint32_t* totals) {
  uint32_t sum = 0;
#pragma unroll
  for (int w = 0; w < kThreads / kWarpSize; ++w) sum += totals[w];
  return sum;
}

template <class T>
__global__ void __launch_bounds__(kThreads) topk_kernel(Rows<T> a) {
  using K = Key<T>;
  constexpr int kBits = 8 * sizeof(K);
  FUSOR_SHARED(Entry<K>, chunk, kChunk);
  FUSOR_SHARED(uint32_t, histogram, kThreads);  // a bin a thread
  FUSOR_SHARED(uint32_t, totals, kThreads / kWarpSize);
  FUSOR_SHARED(uint32_t, chosen, 2);
  const auto thread = static_cast<int>(threadIdx.x);
  const auto size = static_cast<uint32_t>(a.size);

  for (int64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
    int64_t place[2];
    a.kept.offsets(row, place);
    const auto key_at = [&](uint32_t i) {
      return key_of(load<1>(a.x + place[1] + static_cast<int64_t>(i) * a.x_step).values[0], a.largest);
    };

    Entry<K> last{0, 0};  // of the results so far: what does not come after it has been given
    for (int64_t done = 0; done < a.k; done += kChunk) {
      const auto wanted = static_cast<uint32_t>(min(static_cast<int64_t>(kChunk), a.k - done));

      // The key of result done + wanted - 1, byte by byte; `rank` is its place among keys of this prefix.
      K prefix = 0;
      auto rank = static_cast<uint32_t>(done) + wanted - 1;
      for (int shift = kBits - 8; shift >= 0; shift -= 8) {
        histogram[thread] = 0;
        __syncthreads();
        for (auto i = static_cast<uint32_t>(thread); i < size; i += kThreads) {
          const K key = key_at(i);
          // The bits above this byte agree; at the top there are none.
          if (shift + 8 == kBits || (key ^ prefix) >> (shift + 8 < kBits ? shift + 8 : 0) == 0)
            atomicAdd(&histogram[static_cast<int>((key >> shift) & 0xff)], 1u);
        }
        __syncthreads();
        const uint32_t count = histogram[thread], below = numbers_before(count, totals);
        if (below <= rank && rank < below + count) {
          chosen[0] = static_cast<uint32_t>(thread);
          chosen[1] = below;
        }
        __syncthreads();
        prefix |= static_cast<K>(chosen[0]) << shift;
        rank -= chosen[1];
        __syncthreads();  // before the next byte's are written
      }

      // This chunk: keys before that one, and of those equal to it the first rank + 1 in order of index; less
      // what has been given.
      uint32_t collected = 0, equals_before = 0;
      for (uint32_t first = 0; first < size; first += kThreads) {
        const uint32_t i = first + static_cast<uint32_t>(thread);
        const bool is_inside = i < size;
        const Entry<K> entry{is_inside ? key_at(i) : K{0}, i};
        const bool is_equal = is_inside && entry.key == prefix;
        const uint32_t number = equals_before + numbers_before(is_equal ? 1 : 0, totals);
        equals_before += sum_of(totals);
        const bool is_in = is_inside && (done == 0 || comes_first(last, entry)) &&
                           (entry.key < prefix || (is_equal && number <= rank));
        __syncthreads();  // totals are read
        const uint32_t target = collected + numbers_before(is_in ? 1 : 0, totals);
        collected += sum_of(totals);
        if (is_in) chunk[target] = entry;
        __syncthreads();
      }

      // Sorted in place: the next power of two, what is missing after everything else.
      int length = 1;
      while (length < static_cast<int>(wanted)) length *= 2;
      for (int i = static_cast<int>(wanted) + thread; i < length; i += kThreads)
        chunk[i] = {static_cast<K>(~K{0}), 0xffffffffu};
      __syncthreads();
      for (int run = 2; run <= length; run *= 2) {
        for (int step = run / 2; step > 0; step /= 2) {
          for (int pair = thread; pair < length / 2; pair += kThreads) {
            const int i = 2 * pair - (pair & (step - 1)), j = i + step;
            const bool ascending = (i & run) == 0;
            const Entry<K> p = chunk[i], q = chunk[j];
            if (comes_first(q, p) == ascending) {
              chunk[i] = q;
              chunk[j] = p;
            }
          }
          __syncthreads();
        }
      }
      for (int i = thread; i < static_cast<int>(wanted); i += kThreads) {
        const uint32_t index = chunk[i].index;
        const int64_t target = place[0] + (done + i) * a.y_step;
        store(a.values + target, load<1>(a.x + place[1] + static_cast<int64_t>(index) * a.x_step));
        store(a.indices + target, Vector<int64_t, 1>{{static_cast<int64_t>(index)}});
      }
      last = chunk[wanted - 1];
      __syncthreads();  // the next chunk is written over this one
    }
  }
}

Status prepare(const fusor_op_call&) {
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const auto& attributes = *static_cast<const fusor_topk_attributes*>(call.attributes);
  const fusor_buffer &x = *call.inputs[0], &values = *call.outputs[0], &indices = *call.outputs[1];
  if (element_count(values) == 0) return {};
  const int64_t size = x.rank == 0 ? 1 : x.sizes[attributes.dim];
  if (size >= INT32_MAX)
    return {FUSOR_ERROR_UNSUPPORTED, "rows of 2^31 elements or more are not selected from on this device"};
  Dimensions<2> kept;
  for (int32_t d = 0; d < x.rank; ++d)
    if (d != attributes.dim) kept.add(x.sizes[d], {values.strides[d], x.strides[d]});
  kept.order(1);
  return by_dtype(x.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const Rows<T> a{data_of<const T>(x),
                    data_of<T>(values),
                    data_of<int64_t>(indices),
                    kept.walk(),
                    kept.count(),
                    size,
                    attributes.k,
                    x.rank == 0 ? 1 : x.strides[attributes.dim],
                    x.rank == 0 ? 1 : values.strides[attributes.dim],
                    attributes.largest != 0};
    const auto blocks = static_cast<unsigned>(std::min<int64_t>(a.rows, 1 << 20));
    return launch(topk_kernel<T>, LaunchShape(blocks, kThreads), context.stream, a);
  });
}

}  // namespace

const OpEntry kTopk{FUSOR_OP_TOPK, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
