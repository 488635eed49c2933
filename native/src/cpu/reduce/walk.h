// Hands a reduction out to threads, so that the order in which elements meet depends on the shape alone.
//
// Results are worked on in groups: neighbours along the innermost kept axis. The elements of a group come in
// runs, one for each combination of the outer reduced axes (a long last axis is cut into several). Where
// there are few groups, the runs of each are dealt to several parts, which are merged in order at the end.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/op.h"
#include "cpu/reduce/geometry.h"

namespace fusor::cpu {

// A stretch of elements for the kernels: see ReduceKernels::Function for `count` and `stride`.
struct ReduceRun {
  int64_t offset;  // of the first element
  int64_t outputs, count, stride, before;
};

// `kNumbers` accumulators of type A make a result.
template <class A, int kNumbers>
class ReduceWalk {
 public:
  // At most `columns_at_once` results in a group where results are neighbours in memory.
  ReduceWalk(const ReduceGeometry& geometry, int64_t columns_at_once) : g_(geometry) {
    const int64_t inner = g_.kept_count > 0 ? g_.kept[g_.kept_count - 1].size : 1;
    const int64_t wanted = g_.inner_reduced
                               ? std::max<int64_t>(1, kItemElements / std::max<int64_t>(1, g_.folded))
                               : columns_at_once;
    group_ = std::min({wanted, inner, kMostResults});
    groups_per_row_ = (inner + group_ - 1) / group_;
    groups_ = g_.outputs / inner * groups_per_row_;
    inner_ = inner;

    last_ = g_.reduced_count > 0 ? g_.reduced[g_.reduced_count - 1] : ReduceGeometry::Axis{1, 0};
    piece_ = std::min<int64_t>(last_.size, g_.inner_reduced ? kRowPiece : kColumnPiece);
    pieces_ = (last_.size + piece_ - 1) / piece_;
    runs_ = g_.folded / last_.size * pieces_;
    if (groups_ < kEnoughGroups && g_.outputs * g_.folded > kSmall) {
      parts_ = std::min(runs_, (kEnoughGroups + groups_ - 1) / groups_);
    }
  }

  // fold(run, accumulators) takes elements in; merge(into, before, from, count) joins a result of `count`
  // elements to one of `before`; finish(output, accumulators) writes a result. False when out of memory.
  template <class FoldFunction, class Merge, class Finish>
  bool run(OpContext& context, A start, const FoldFunction& fold, const Merge& merge,
           const Finish& finish) const {
    A* partial = nullptr;
    if (parts_ > 1) {
      partial = static_cast<A*>(
          context.scratch.allocate(groups_ * parts_ * group_ * kNumbers * static_cast<int64_t>(sizeof(A))));
      if (!partial) return false;
    }
    const int threads = static_cast<int>(
        std::clamp<int64_t>(g_.outputs * g_.folded / kElementsPerThread, 1, context.threads));
    WorkShares shares(groups_ * parts_, threads);
    context.pool.share(threads, [&](const Team& team) {
      A local[kMostResults * kNumbers];
      for (int64_t item; (item = shares.take(team)) >= 0;) {
        const int64_t group = item / parts_, part = item % parts_;
        A* const results = partial ? partial + item * group_ * kNumbers : local;
        std::fill_n(results, group_ * kNumbers, start);
        fold_part(group, first_run(part), first_run(part + 1), fold, results);
        if (!partial) finish_group(group, results, finish);
      }
    });
    if (!partial) return true;
    for (int64_t group = 0; group < groups_; ++group) {
      A* const results = partial + group * parts_ * group_ * kNumbers;
      for (int64_t part = 1; part < parts_; ++part) {
        const A* const others = results + part * group_ * kNumbers;
        const int64_t before = elements_before(first_run(part));
        const int64_t count = elements_before(first_run(part + 1)) - before;
        for (int64_t i = 0; i < outputs_of(group); ++i)
          merge(results + i * kNumbers, before, others + i * kNumbers, count);
      }
      finish_group(group, results, finish);
    }
    return true;
  }

 private:
  static constexpr int64_t kMostResults = 512;         // of a group
  static constexpr int64_t kItemElements = 16 * 1024;  // that a group of rows has, about
  static constexpr int64_t kRowPiece = 64 * 1024, kColumnPiece = 1024;
  static constexpr int64_t kEnoughGroups =
      64;  // for any number of threads that machines have: fixed, as are the parts
  static constexpr int64_t kSmall = 128 * 1024;
  static constexpr int64_t kElementsPerThread = 16 * 1024;

  int64_t first_run(int64_t part) const { return runs_ * part / parts_; }
  // Elements of a result that come before a run.
  int64_t elements_before(int64_t run) const {
    return run / pieces_ * last_.size + std::min(run % pieces_ * piece_, last_.size);
  }
  int64_t outputs_of(int64_t group) const {
    return std::min(group_, inner_ - group % groups_per_row_ * group_);
  }
  int64_t first_output(int64_t group) const {
    return group / groups_per_row_ * inner_ + group % groups_per_row_ * group_;
  }

  template <class FoldFunction>
  void fold_part(int64_t group, int64_t begin, int64_t end, const FoldFunction& fold, A* results) const {
    const int64_t origin = g_.offset_of(first_output(group));
    const int64_t between = g_.kept_count > 0 ? g_.kept[g_.kept_count - 1].stride : 0;
    const int64_t first = elements_before(begin);
    for (int64_t run = begin; run < end; ++run) {
      int64_t offset = origin, rest = run / pieces_;
      for (int axis = g_.reduced_count - 2; axis >= 0; --axis) {
        offset += rest % g_.reduced[axis].size * g_.reduced[axis].stride;
        rest /= g_.reduced[axis].size;
      }
      const int64_t position = run % pieces_ * piece_;
      const int64_t count = std::min(piece_, last_.size - position);
      fold(ReduceRun{offset + position * last_.stride, outputs_of(group), count,
                     g_.inner_reduced ? between : last_.stride, elements_before(run) - first},
           results);
    }
  }

  template <class Finish>
  void finish_group(int64_t group, const A* results, const Finish& finish) const {
    const int64_t output = first_output(group);
    for (int64_t i = 0; i < outputs_of(group); ++i) finish(output + i, results + i * kNumbers);
  }

  const ReduceGeometry& g_;
  ReduceGeometry::Axis last_;  // the innermost reduced axis
  int64_t inner_, group_, groups_per_row_, groups_;
  int64_t piece_, pieces_, runs_;
  int64_t parts_ = 1;
};

}  // namespace fusor::cpu
