#include <dlfcn.h>

#include "platform/library.h"

namespace fusor::platform {

void* open_library(const std::string& path, std::string& reason) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* const text = dlerror();
    reason = text ? text : "unknown reason";
  }
  return library;
}

void* find_symbol(void* library, const char* name) {
  return dlsym(library, name);
}

}  // namespace fusor::platform
