#include "cpu/random/random.h"

#include <algorithm>
#include <cmath>

namespace fusor::cpu {

namespace {

fusor_status run(OpContext& context, const fusor_op_call& call) {
  constexpr int64_t kGroup = RandomKernels::kGroup;
  constexpr int64_t kGroupsAtOnce = 128;
  const auto& a = *static_cast<const fusor_random_attributes*>(call.attributes);
  const int64_t count = element_count(*call.outputs[0]);
  if (count == 0) return FUSOR_OK;
  float* output = data_of<float>(*call.outputs[0]);
  const RandomDistribution distribution{a.distribution, a.low, a.high,
                                        a.high > a.low ? std::nextafter(a.high, a.low) : a.low};

  // The elements offset to offset + count of the stream; the first and the last group may be needed in part.
  const uint64_t first_group = a.offset / kGroup;
  const int64_t skipped = static_cast<int64_t>(a.offset % kGroup);
  const int64_t groups = (skipped + count + kGroup - 1) / kGroup;
  // Below some 16000 elements, waking another thread takes longer than the work.
  const int threads = count < 16384 ? 1 : context.threads;
  WorkShares shares((groups + kGroupsAtOnce - 1) / kGroupsAtOnce, threads);
  context.pool.share(threads, [&](Team& team) {
    for (int64_t item; (item = shares.take(team)) >= 0;) {
      const int64_t end = std::min(groups, (item + 1) * kGroupsAtOnce);
      for (int64_t group = item * kGroupsAtOnce; group < end;) {
        const int64_t begin = group * kGroup - skipped;  // where the group's first element goes
        const bool whole = begin >= 0 && begin + kGroup <= count;
        if (whole) {
          const int64_t whole_groups = std::min(end - group, (count - begin) / kGroup);
          context.kernels.random->generate(distribution, a.seed, first_group + static_cast<uint64_t>(group),
                                           whole_groups, output + begin);
          group += whole_groups;
          continue;
        }
        float part[kGroup];
        context.kernels.random->generate(distribution, a.seed, first_group + static_cast<uint64_t>(group), 1,
                                         part);
        for (int64_t i = std::max<int64_t>(0, -begin); i < kGroup && begin + i < count; ++i)
          output[begin + i] = part[i];
        ++group;
      }
    }
  });
  return FUSOR_OK;
}

}  // namespace

const OpEntry random_op{FUSOR_OP_RANDOM, /*takes_strides=*/false, /*takes_blocked=*/false, nullptr, run};

}  // namespace fusor::cpu
