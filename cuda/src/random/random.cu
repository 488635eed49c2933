// A thread per counter: ten rounds are some 100 integer instructions for 16 bytes, about what the memory
// takes for them. The four words of 16 neighbouring threads are four runs of 64 bytes.
#include "random/random.h"

#include <algorithm>
#include <cmath>

#include "arch/launch.h"
#include "arch/vector.h"
#include "random/philox.h"

namespace fusor::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kGroup = 64, kCounters = 16;

__global__ void __launch_bounds__(kThreads)
    random_kernel(float* y, Distribution distribution, uint64_t seed, uint64_t first_group, int64_t skipped,
                  int64_t count, int64_t counters) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < counters; i += step) {
    float values[4];
    draw(distribution, philox(first_group * kCounters + static_cast<uint64_t>(i), seed), values);
    const int64_t first = i / kCounters * kGroup + i % kCounters - skipped;
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const int64_t element = first + w * kCounters;
      if (element >= 0 && element < count) store(y + element, Vector<float, 1>{{values[w]}});
    }
  }
}

Status prepare(const fusor_op_call&) {
  return {};
}

Status run(OpContext& context, const fusor_op_call& call) {
  const auto& a = *static_cast<const fusor_random_attributes*>(call.attributes);
  const fusor_buffer& y = *call.outputs[0];
  const int64_t count = element_count(y);
  if (count == 0) return {};
  const Distribution distribution{a.distribution, a.low, a.high,
                                  a.high > a.low ? std::nextafter(a.high, a.low) : a.low};
  // The elements offset to offset + count of the stream; the first and the last group may be needed in part.
  const auto skipped = static_cast<int64_t>(a.offset % kGroup);
  const int64_t counters = (skipped + count + kGroup - 1) / kGroup * kCounters;
  const auto blocks = static_cast<unsigned>(std::min<int64_t>(
      (counters + kThreads - 1) / kThreads, int64_t{32} * context.stream.properties->multiprocessors));
  return launch(random_kernel, LaunchShape(blocks, kThreads), context.stream, data_of<float>(y), distribution,
                a.seed, a.offset / kGroup, skipped, count, counters);
}

}  // namespace

const OpEntry kRandom{FUSOR_OP_RANDOM, InputForm::kAnyStrides, /*weights=*/0, prepare, run};

}  // namespace fusor::cuda
