// How a call into the addon fails: thrown as a Failure inside, as one of the typed errors in JavaScript.
#pragma once

#include <string>
#include <utility>

#include "fusor/fusor.h"

namespace fusor::binding {

struct Failure {
  fusor_status status;
  std::string message;
};

[[noreturn]] inline void fail(fusor_status status, std::string message) {
  throw Failure{status, std::move(message)};
}

// Throws what the engine says about this thread's last call, unless it went well.
inline void check(fusor_status status) {
  if (status != FUSOR_OK) fail(status, fusor_last_error());
}

}  // namespace fusor::binding
