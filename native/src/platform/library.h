// Shared libraries that are opened at run time.
#pragma once

#include <string>

namespace fusor::platform {

// Opens a library for good. Null, with `reason`, if that is not possible.
void* open_library(const std::string& path, std::string& reason);
// Null if it exports nothing of this name.
void* find_symbol(void* library, const char* name);

}  // namespace fusor::platform
