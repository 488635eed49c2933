// The end of a block that does what no block may: the text, with what every thread was waiting for, and the
// signals by which the host tells what the checks of accesses did not see.
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "emulator/block_state.h"
#include "emulator/faults.h"

namespace fusor::cuda::emulator {
namespace {

std::string describe_threads(const BlockState& block) {
  // Threads that wait for the same thing at the same place are told together.
  std::string text;
  constexpr int kMostLines = 16;
  int lines = 0;
  for (size_t first = 0; first < block.fibers.size() && lines < kMostLines;) {
    const Fiber& f = block.fibers[first];
    size_t last = first;
    auto same = [&](const Fiber& g) {
      return g.done == f.done && g.waiting_for == f.waiting_for && g.place.line() == f.place.line();
    };
    while (last + 1 < block.fibers.size() && same(block.fibers[last + 1])) ++last;
    char line[256];
    const char* file = f.place.file_name();
    if (const char* slash = std::strrchr(file, '/')) file = slash + 1;
    if (f.done) {
      std::snprintf(line, sizeof line, "\n  threads %zu to %zu have ended", first, last);
    } else if (f.waiting_for == nullptr) {
      std::snprintf(line, sizeof line, "\n  threads %zu to %zu can run", first, last);
    } else {
      std::snprintf(line, sizeof line, "\n  threads %zu to %zu wait at %s, %s:%u", first, last, f.waiting_for,
                    file, static_cast<unsigned>(f.place.line()));
    }
    text += line;
    ++lines;
    first = last + 1;
  }
  return text;
}

[[noreturn]] void end_block_with(const char* reason) {
  BlockState& block = *current_block;
  if (current_fiber != nullptr) current_fiber->in_model = true;  // and stays so: it does not run again
  char where[512];
  const char* file = block.launch_place.file_name();
  if (const char* slash = std::strrchr(file, '/')) file = slash + 1;
  const unsigned thread = current_fiber != nullptr ? current_fiber->number : 0;
  std::snprintf(where, sizeof where, "%s:%u (%s): block (%u, %u, %u), thread %u: ", file,
                static_cast<unsigned>(block.launch_place.line()), block.launch_place.function_name(),
                block.index.x, block.index.y, block.index.z, thread);
  block.fault = std::string(where) + reason + describe_threads(block);
  leave_fibers();  // device code owns nothing
}

struct sigaction previous_actions[NSIG];

void on_signal(int number, siginfo_t* info, void*) {
  if (current_block == nullptr) {  // not a kernel's: as if this handler were not here
    sigaction(number, &previous_actions[number], nullptr);
    return;
  }
  char text[128];
  std::snprintf(text, sizeof text, "signal %d (%s) at address %p", number, strsignal(number), info->si_addr);
  end_block_with(text);
}

}  // namespace

void install_signal_handlers() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    struct sigaction present {};
    sigaction(number, nullptr, &present);
    if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == on_signal) continue;
    previous_actions[number] = present;
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    // NODEFER: the handler is left by a switch of stacks, never by returning.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(number, &action, nullptr);
  }
}

SignalStack::SignalStack() {
  constexpr size_t kBytes = 64 * 1024;
  memory_ = std::make_unique<unsigned char[]>(kBytes);
  stack_t mine{};
  mine.ss_sp = memory_.get();
  mine.ss_size = kBytes;
  sigaltstack(&mine, &previous_);
}
SignalStack::~SignalStack() {
  sigaltstack(&previous_, nullptr);
}

void fault(const char* format, ...) {
  char text[1024];
  va_list list;
  va_start(list, format);
  std::vsnprintf(text, sizeof text, format, list);
  va_end(list);
  if (current_block == nullptr) {
    std::fprintf(stderr, "emulator, outside of a kernel: %s\n", text);
    std::abort();
  }
  end_block_with(text);
}

}  // namespace fusor::cuda::emulator
