#include "runtime/errors.h"

#include <cstdio>

namespace fusor::cuda {
namespace {

// Plain memory: it can be written when there is none left to allocate.
thread_local char message[2048] = "";

}  // namespace

fusor_status report(const Status& status) {
  if (!status.ok()) std::snprintf(message, sizeof message, "%s", status.message().c_str());
  return status.code();
}

const char* last_error() {
  return message;
}

}  // namespace fusor::cuda
