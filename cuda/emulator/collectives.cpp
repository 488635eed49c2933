// Where threads meet: barriers of a block, and the gathering of a warp's lanes for what they do together.
#include "emulator/block_state.h"

namespace fusor::cuda::emulator {

namespace {

void complete(Barrier& barrier) {
  std::vector<Fiber*> waiting;
  waiting.swap(barrier.waiting);
  barrier.arrived = barrier.expected = 0;
  make_ready(waiting.data(), static_cast<unsigned>(waiting.size()));
  waiting.clear();
  barrier.waiting.swap(waiting);  // keeps its capacity
}

}  // namespace

Gathering& gather(unsigned mask, const char* name, void* operand, Place place) {
  Fiber* me = current_fiber;
  const unsigned count = current_block->size.x * current_block->size.y * current_block->size.z;
  const unsigned warp_begin = me->number / 32 * 32;
  const unsigned present = count - warp_begin >= 32 ? ~0u : (1u << (count - warp_begin)) - 1;
  me->place = place;
  if ((mask >> me->lane & 1) == 0) fault("%s: lane %u is not in its own mask %08x", name, me->lane, mask);
  if (mask & ~present) fault("%s: the mask %08x names lanes that the warp does not have", name, mask);
  Gathering* free = nullptr;
  Gathering* mine = nullptr;
  for (Gathering& g : me->warp->gatherings) {
    if (g.arrived == 0) {
      if (free == nullptr) free = &g;
    } else if (g.mask == mask) {
      mine = &g;
    } else if (g.mask & mask & (1u << me->lane)) {
      fault("%s: lane %u is expected in a collective of mask %08x (%s)", name, me->lane, g.mask, g.name);
    }
  }
  if (mine == nullptr) {
    if (free == nullptr) fault("%s: too many divergent groups in a warp", name);
    mine = free;
    mine->mask = mask;
    mine->name = name;
  }
  if (std::strcmp(mine->name, name) != 0) {
    fault("%s: other lanes of the warp are at %s", name, mine->name);
  }
  mine->operands[me->lane] = operand;
  mine->fibers[mine->arrived++] = me;
  return *mine;
}

bool synchronize_threads_or(bool predicate, Place place) {
  const InModel model;
  BlockState& block = *current_block;
  Barrier& barrier = block.barriers[0];
  const unsigned count = static_cast<unsigned>(block.fibers.size());
  if (barrier.waiting.empty()) barrier.any = false;
  barrier.any = barrier.any || predicate;
  if (block.live < count) {
    current_fiber->place = place;
    current_fiber->waiting_for = "__syncthreads";
    fault("a barrier of the whole block after %u of its %u threads have ended", count - block.live, count);
  }
  if (barrier.waiting.size() + 1 == count) {
    complete(barrier);
    const bool any = barrier.any;
    let_others_go_first("__syncthreads", place);
    return any;
  }
  barrier.waiting.push_back(current_fiber);
  wait("__syncthreads", place);
  return barrier.any;
}

void synchronize_threads(Place place) {
  synchronize_threads_or(false, place);
}

void named_barrier(int id, int threads, bool wait_for_it, Place place) {
  const InModel model;
  if (id < 0 || id > 15) fault("barrier %d: there are 16", id);
  if (threads <= 0 || threads % 32 != 0 || threads > static_cast<int>(current_block->fibers.size())) {
    fault("barrier %d: %d threads", id, threads);
  }
  Barrier& barrier = current_block->barriers[id];
  if (barrier.expected != 0 && barrier.expected != static_cast<unsigned>(threads)) {
    fault("barrier %d: of %d threads here, of %u elsewhere", id, threads, barrier.expected);
  }
  barrier.expected = static_cast<unsigned>(threads);
  const bool last = barrier.waiting.size() + barrier.arrived + 1 == barrier.expected;
  if (last) {
    complete(barrier);
    if (wait_for_it) let_others_go_first("bar.sync", place);
  } else if (wait_for_it) {
    barrier.waiting.push_back(current_fiber);
    wait("bar.sync", place);
  } else {
    ++barrier.arrived;
  }
}

}  // namespace fusor::cuda::emulator
