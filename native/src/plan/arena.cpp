// Class 0 is packed by size: the largest buffers first, each into the tightest gap that its contemporaries
// leave. The largest define the arena, and smaller ones fall into their gaps; for the networks here this
// comes within a few percent of the greatest sum of buffers alive at one step, which no layout can go below.
//
// Every other class is a row of equal places: buffers keep their zero borders, so a place is used by one
// class only.
//
// Skew: activations are often multiples of 4096 bytes, and then row i of every buffer falls into the same
// sets of the first-level cache (64 sets of 64 bytes = 4096 bytes apart). A step that reads one buffer and
// writes another would throw out its own rows. So consecutive buffers start 13 lines further round: 13 is
// odd, so 64 buffers in a row differ.
#include "plan/arena.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "tensor/failure.h"

namespace fusor {
namespace {

constexpr int64_t kLine = 64;
constexpr int64_t kSetPeriod = 4096;
constexpr int64_t kSkew = 13 * kLine;

int64_t align_up(int64_t offset, int64_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

// The first offset from `from` on that lies at `phase` within the sets, as far as the alignment lets it
// choose.
int64_t skewed(int64_t from, int64_t phase, int64_t alignment) {
  if (alignment >= kSetPeriod) return align_up(from, alignment);
  const int64_t aligned_phase = phase / alignment * alignment;
  const int64_t base = from / kSetPeriod * kSetPeriod + aligned_phase;
  return base >= from ? base : base + kSetPeriod;
}

class Packer {
 public:
  Packer(std::span<const fusor_plan_buffer> buffers, int32_t step_count) : buffers_(buffers) {
    layout_.offsets.resize(buffers.size(), 0);
    for (const fusor_plan_buffer& buffer : buffers) check(buffer, step_count);
  }

  ArenaLayout pack() {
    pack_shared();
    pack_classes();
    layout_.bytes = align_up(layout_.bytes, kLine);
    return std::move(layout_);
  }

 private:
  void check(const fusor_plan_buffer& buffer, int32_t step_count) {
    const bool makes_sense = buffer.bytes >= 0 && buffer.alignment >= 1 &&
                             (buffer.alignment & (buffer.alignment - 1)) == 0 && buffer.first_step >= 0 &&
                             buffer.first_step <= buffer.last_step && buffer.last_step < step_count;
    if (!makes_sense) {
      fail(FUSOR_ERROR_INTERNAL, "the backend asks for a plan buffer of ", buffer.bytes, " bytes aligned to ",
           buffer.alignment, " from step ", buffer.first_step, " to ", buffer.last_step, " of ", step_count);
    }
    layout_.alignment = std::max(layout_.alignment, buffer.alignment);
  }

  const fusor_plan_buffer& buffer(size_t index) const { return buffers_[index]; }
  int64_t alignment(size_t index) const { return std::max(buffer(index).alignment, kLine); }
  int64_t end(size_t index) const { return layout_.offsets[index] + buffer(index).bytes; }
  bool meet(size_t a, size_t b) const {
    return buffer(a).first_step <= buffer(b).last_step && buffer(b).first_step <= buffer(a).last_step;
  }

  int64_t next_phase() {
    phase_ = (phase_ + kSkew) % kSetPeriod;
    return phase_;
  }
  // Small buffers are not worth up to 4 KB of padding.
  int64_t start(int64_t from, int64_t phase, int64_t bytes, int64_t alignment) const {
    return bytes < kSetPeriod ? align_up(from, alignment) : skewed(from, phase, alignment);
  }

  void pack_shared() {
    std::vector<size_t> order;
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (buffer(i).reuse_class == 0) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(),
                     [this](size_t a, size_t b) { return buffer(a).bytes > buffer(b).bytes; });
    std::vector<size_t> placed;
    for (const size_t index : order) {
      layout_.offsets[index] = find_gap(index, placed);
      layout_.bytes = std::max(layout_.bytes, end(index));
      placed.push_back(index);
    }
  }

  // The tightest gap among the placed buffers that live at the same time as `index`; behind the last of them
  // if it fits into none.
  int64_t find_gap(size_t index, const std::vector<size_t>& placed) {
    std::vector<size_t> contemporaries;
    for (const size_t other : placed) {
      if (buffer(other).bytes > 0 && meet(index, other)) contemporaries.push_back(other);
    }
    std::sort(contemporaries.begin(), contemporaries.end(),
              [this](size_t a, size_t b) { return layout_.offsets[a] < layout_.offsets[b]; });
    const int64_t bytes = buffer(index).bytes;
    const int64_t phase = next_phase();
    int64_t best = -1, best_room = 0, free_from = 0;
    for (const size_t other : contemporaries) {
      const int64_t room = layout_.offsets[other] - free_from;
      // At its phase if that fits, else wherever it fits: sharing memory is worth more.
      int64_t offset = start(free_from, phase, bytes, alignment(index));
      if (offset + bytes > layout_.offsets[other]) offset = align_up(free_from, alignment(index));
      if (offset + bytes <= layout_.offsets[other] && (best < 0 || room < best_room)) {
        best = offset;
        best_room = room;
      }
      free_from = std::max(free_from, end(other));
    }
    if (best >= 0) return best;
    // Behind them: again at its phase, unless that alone would make the arena longer.
    const int64_t offset = start(free_from, phase, bytes, alignment(index));
    const int64_t tight = align_up(free_from, alignment(index));
    return offset + bytes > layout_.bytes && tight + bytes <= layout_.bytes ? tight : offset;
  }

  void pack_classes() {
    std::map<int32_t, std::vector<size_t>> classes;
    for (size_t i = 0; i < buffers_.size(); ++i) {
      if (buffer(i).reuse_class != 0) classes[buffer(i).reuse_class].push_back(i);
    }
    for (auto& [number, members] : classes) pack_class(number, members);
  }

  void pack_class(int32_t number, std::vector<size_t>& members) {
    std::stable_sort(members.begin(), members.end(),
                     [this](size_t a, size_t b) { return buffer(a).first_step < buffer(b).first_step; });
    const int64_t bytes = buffer(members[0]).bytes;
    int64_t class_alignment = kLine;
    for (const size_t index : members) {
      class_alignment = std::max(class_alignment, alignment(index));
      if (buffer(index).bytes != bytes) {
        fail(FUSOR_ERROR_INTERNAL, "the backend asks for plan buffers of ", bytes, " and ",
             buffer(index).bytes, " bytes in one class ", number);
      }
    }
    struct Place {
      int64_t offset;
      int32_t busy_until;
    };
    std::vector<Place> places;
    for (const size_t index : members) {
      // The place that became free last is the likeliest to be in the caches still.
      Place* chosen = nullptr;
      for (Place& place : places) {
        if (place.busy_until < buffer(index).first_step &&
            (!chosen || place.busy_until > chosen->busy_until)) {
          chosen = &place;
        }
      }
      if (chosen == nullptr) {
        const int64_t offset = start(layout_.bytes, next_phase(), bytes, class_alignment);
        layout_.bytes = offset + bytes;
        chosen = &places.emplace_back(Place{offset, 0});
      }
      chosen->busy_until = buffer(index).last_step;
      layout_.offsets[index] = chosen->offset;
    }
  }

  const std::span<const fusor_plan_buffer> buffers_;
  ArenaLayout layout_;
  int64_t phase_ = 0;
};

}  // namespace

ArenaLayout lay_out_arena(std::span<const fusor_plan_buffer> buffers, int32_t step_count) {
  return Packer(buffers, step_count).pack();
}

}  // namespace fusor
