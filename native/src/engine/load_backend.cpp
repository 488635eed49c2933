#include <dlfcn.h>

#include "engine/devices.h"

namespace fusor {

// The library stays open for good: devices point into it, and its threads may outlive any moment to close it.
const fusor_backend* load_backend(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = dlerror();
    fail(FUSOR_ERROR_DEVICE, "backend ", path,
         " could not be loaded: ", reason != nullptr ? reason : "unknown reason");
  }
  const auto get = reinterpret_cast<fusor_backend_get_function>(dlsym(library, "fusor_backend_get"));
  if (get == nullptr)
    fail(FUSOR_ERROR_DEVICE, path, " is not a backend of fusor: it lacks fusor_backend_get");
  const fusor_backend* backend = get(FUSOR_BACKEND_ABI_VERSION);
  if (backend == nullptr || backend->abi_version != FUSOR_BACKEND_ABI_VERSION ||
      backend->struct_size < sizeof(fusor_backend)) {
    fail(FUSOR_ERROR_DEVICE, "backend ", path, " (", backend != nullptr ? backend->build : "unknown build",
         ") does not serve backend interface ", FUSOR_BACKEND_ABI_VERSION, " of fusor ", FUSOR_VERSION,
         "; install its package in the same version as @fusor/native");
  }
  return backend;
}

}  // namespace fusor
