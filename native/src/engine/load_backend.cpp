#include "engine/devices.h"
#include "platform/library.h"

namespace fusor {
namespace {

// The package that has this backend's library: what to install or upgrade.
std::string package_of(const std::string& path) {
  return path.find("cuda") != std::string::npos ? "@fusor/cuda" : "the backend's package";
}

[[noreturn]] void refuse_version(const std::string& path, const fusor_backend* backend) {
  const std::string package = package_of(path);
  std::string serves = "does not serve this version of the backend interface";
  std::string remedy = "install " + package + " and @fusor/native in the same version";
  if (backend != nullptr) {
    serves = text("(", backend->build, ") has version ", backend->abi_version, " of the backend interface");
    remedy = backend->abi_version < FUSOR_BACKEND_ABI_VERSION
                 ? "upgrade it: npm install " + package + "@" FUSOR_VERSION
                 : "upgrade the engine: npm install @fusor/native@latest";
  }
  fail(FUSOR_ERROR_DEVICE, "backend ", path, " ", serves, ", and @fusor/native ", FUSOR_VERSION,
       " uses version ", FUSOR_BACKEND_ABI_VERSION, "; ", remedy);
}

}  // namespace

// The library stays open for good: devices point into it, and its threads may outlive any moment to close it.
const fusor_backend* load_backend(const std::string& path) {
  std::string reason;
  void* const library = platform::open_library(path, reason);
  if (library == nullptr)
    fail(FUSOR_ERROR_DEVICE, "backend ", path, " could not be loaded: ", reason,
         "; reinstall its package: npm install ", package_of(path));
  const auto get =
      reinterpret_cast<fusor_backend_get_function>(platform::find_symbol(library, "fusor_backend_get"));
  if (get == nullptr)
    fail(FUSOR_ERROR_DEVICE, path, " is not a backend of fusor: it lacks fusor_backend_get");
  const fusor_backend* backend = get(FUSOR_BACKEND_ABI_VERSION);
  if (backend == nullptr || backend->abi_version != FUSOR_BACKEND_ABI_VERSION ||
      backend->struct_size < sizeof(fusor_backend)) {
    refuse_version(path, backend);
  }
  return backend;
}

}  // namespace fusor
