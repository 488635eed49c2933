#include "platform/environment.h"

#include <cstdlib>

namespace fusor::platform {

std::optional<std::string> environment_variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace fusor::platform
