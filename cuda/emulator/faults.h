// How the emulator hears of faults that the host's memory protection finds.
#pragma once

#include <csignal>
#include <cstddef>
#include <memory>

namespace fusor::cuda::emulator {

/** At every launch: others may have set theirs since. */
void install_signal_handlers();

/** A stack for the signal handler, as long as this lives: a fiber's own may be what overflowed. */
class SignalStack {
 public:
  SignalStack();
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  std::unique_ptr<unsigned char[]> memory_;
  stack_t previous_{};
};

}  // namespace fusor::cuda::emulator
