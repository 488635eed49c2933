// Threads of a block as fibers: who runs next, and what one does that has to wait.
#include <algorithm>

#include "emulator/block_state.h"

extern "C" void fusor_fiber_switch(void** save_stack, void* load_stack);

namespace fusor::cuda::emulator {

thread_local BlockState* current_block = nullptr;
thread_local Fiber* current_fiber = nullptr;

namespace {

void switch_to(Fiber* fiber, void** save) {
  ++current_block->counters.switches;
  current_fiber = fiber;
  fusor_fiber_switch(save, fiber->stack_pointer);
}

/** Lets the copy engine do one thing: as late as can be, or in the random schedule now and then. */
void run_engine() {
  auto& engine = current_block->engine;
  size_t which = 0;
  if (current_block->schedule == Schedule::reverse) which = engine.size() - 1;
  if (current_block->schedule == Schedule::random) which = next_random() % engine.size();
  const std::shared_ptr<AsyncOperation> operation = std::move(engine[which]);
  engine.erase(engine.begin() + static_cast<ptrdiff_t>(which));
  if (operation->done) return;
  operation->done = true;
  operation->run();
}

Fiber* next_fiber() {
  auto& ready = current_block->ready;
  auto& engine = current_block->engine;
  while (!engine.empty() &&
         (ready.empty() || (current_block->schedule == Schedule::random && next_random() % 8 == 0))) {
    run_engine();
  }
  if (ready.empty()) {
    fault("no thread can go on: a barrier or collective was not reached by all threads that it waits for");
  }
  if (current_block->schedule == Schedule::random)
    std::swap(ready[next_random() % ready.size()], ready.back());
  Fiber* fiber = ready.back();
  ready.pop_back();
  return fiber;
}

extern "C" void fusor_fiber_entry() {
  current_block->call->run();
  Fiber* me = current_fiber;
  me->in_model = true;
  if (!me->stores.empty()) {
    fault("the thread ends while the copy engine may still read what it stores from shared memory");
  }
  if (!me->waited) fault("the thread ends and has not waited for earlier launches");
  me->done = true;
  BlockState& block = *current_block;
  if (--block.live == 0) leave_fibers();
  switch_to(next_fiber(), &me->stack_pointer);
  __builtin_unreachable();
}

}  // namespace

void* prepare_stack(unsigned char* top) {
  // What fusor_fiber_switch pops: zeros for the registers and the entry's address.
  auto* slot = reinterpret_cast<uintptr_t*>(top);
#if defined(__x86_64__)
  *--slot = 0;  // the entry sees a stack as after a call: 8 bytes off a multiple of 16
  *--slot = reinterpret_cast<uintptr_t>(&fusor_fiber_entry);
  for (int i = 0; i < 6; ++i) *--slot = 0;
#else
  slot -= 20;
  for (int i = 0; i < 20; ++i) slot[i] = 0;
  slot[11] = reinterpret_cast<uintptr_t>(&fusor_fiber_entry);  // x30
#endif
  return slot;
}

void run_fibers() {
  switch_to(next_fiber(), &current_block->main_stack_pointer);
}

void leave_fibers() {
  void* abandoned;
  fusor_fiber_switch(&abandoned, current_block->main_stack_pointer);
  __builtin_unreachable();
}

uint64_t next_random() {
  uint64_t& state = current_block->random;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

void wait(const char* what, Place place) {
  Fiber* me = current_fiber;
  me->waiting_for = what;
  me->place = place;
  Fiber* next = next_fiber();
  if (next != me) switch_to(next, &me->stack_pointer);
  me->waiting_for = nullptr;
}

void make_ready(Fiber* const* fibers, unsigned count) {
  auto& ready = current_block->ready;
  if (current_block->schedule == Schedule::reverse) {
    for (unsigned i = 0; i < count; ++i) ready.push_back(fibers[i]);
  } else {
    for (unsigned i = count; i-- > 0;) ready.push_back(fibers[i]);
  }
  for (unsigned i = 0; i < count; ++i) fibers[i]->waiting_for = nullptr;
}

void let_others_go_first(const char* what, Place place) {
  // Forward: whoever arrives last goes on at once. Otherwise it takes its place among those it has woken.
  if (current_block->schedule == Schedule::forward) return;
  Fiber* me = current_fiber;
  if (current_block->schedule == Schedule::reverse) {
    current_block->ready.insert(current_block->ready.begin(), me);
  } else {
    current_block->ready.push_back(me);
  }
  wait(what, place);
}

}  // namespace fusor::cuda::emulator
