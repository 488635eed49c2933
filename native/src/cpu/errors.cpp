#include "cpu/errors.h"

#include <cstdarg>
#include <cstdio>

#include "cpu/op.h"

namespace fusor::cpu {
namespace {

thread_local char message[1024] = "";

}  // namespace

fusor_status fail(fusor_status status, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return status;
}

const char* last_error() {
  return message;
}

}  // namespace fusor::cpu
