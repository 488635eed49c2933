// Environment variables of the process.
#pragma once

#include <optional>
#include <string>

namespace fusor::platform {

// As they are now, also where JavaScript changed process.env: that is another table than getenv's on Windows.
std::optional<std::string> environment_variable(const char* name);

}  // namespace fusor::platform
