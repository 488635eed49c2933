#include "arch/launch.h"

#include <string>
#include <utility>

#if defined(__CUDACC__)
#include <cxxabi.h>

#include <cstdlib>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "arch/cuda_error.h"
#endif

namespace fusor::cuda::detail {
namespace {

std::string where(const std::source_location& place) {
  const std::string file = place.file_name();
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(place.line());
}

thread_local Launched latest;

#if defined(__CUDACC__)
std::string kernel_name(const void* kernel) {
  const char* mangled = nullptr;
  if (cudaFuncGetName(&mangled, kernel) != cudaSuccess || mangled == nullptr) {
    (void)cudaGetLastError();
    return "a kernel";
  }
  int status = 0;
  char* const plain = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string name = plain != nullptr ? plain : mangled;
  std::free(plain);
  return name.substr(0, name.find('('));
}

// Whether the code that runs waits by itself: PTX of an older architecture, compiled when it was loaded, does
// not have that word. FUSOR_CUDA_OVERLAP=0 forbids it, to see what it is worth.
bool may_begin_early(const void* kernel) {
  static const bool allowed = [] {
    const char* const chosen = std::getenv("FUSOR_CUDA_OVERLAP");
    return chosen == nullptr || std::string_view(chosen) != "0";
  }();
  if (!allowed) return false;
  static std::mutex mutex;
  static auto* const known = new std::unordered_map<const void*, bool>;
  const std::lock_guard lock(mutex);
  const auto found = known->find(kernel);
  if (found != known->end()) return found->second;
  constexpr int kFirstVersion = 90;
  cudaFuncAttributes attributes{};
  const bool waits =
      cudaFuncGetAttributes(&attributes, kernel) == cudaSuccess && attributes.ptxVersion >= kFirstVersion;
  if (!waits) (void)cudaGetLastError();
  return known->emplace(kernel, waits).first->second;
}
#endif

}  // namespace

void note_launch(const void* kernel, const std::source_location& place) {
  latest = {kernel, place};
}

Status check_shape(const LaunchShape& shape) {
  const int64_t threads = int64_t{shape.block.x} * shape.block.y * shape.block.z;
  const bool fits = shape.grid.x <= 0x7fffffffu && shape.grid.y <= 65535u && shape.grid.z <= 65535u &&
                    threads > 0 && threads <= 1024 && shape.block.z <= 64;
  if (fits) return {};
  auto text = [](const dim3& d) {
    return std::to_string(d.x) + " x " + std::to_string(d.y) + " x " + std::to_string(d.z);
  };
  return {FUSOR_ERROR_INTERNAL, where(shape.place) + ": no GPU has a grid of " + text(shape.grid) +
                                    " blocks of " + text(shape.block) + " threads"};
}

#if defined(__CUDACC__)
Status launch_pointers(const void* kernel, const LaunchShape& shape, const Stream& stream, void** arguments) {
  constexpr size_t kSharedWithoutOptIn = 48 * 1024;
  cudaError_t error = cudaSuccess;
  if (shape.shared_bytes > kSharedWithoutOptIn) {
    error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shape.shared_bytes));
  }
  if (error == cudaSuccess) {
    cudaLaunchConfig_t configuration{};
    configuration.gridDim = shape.grid;
    configuration.blockDim = shape.block;
    configuration.dynamicSmemBytes = shape.shared_bytes;
    configuration.stream = stream.handle;
    cudaLaunchAttribute overlap{};
    overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    overlap.val.programmaticStreamSerializationAllowed = 1;
    if (shape.early && stream.overlaps && may_begin_early(kernel)) {
      configuration.attrs = &overlap;
      configuration.numAttrs = 1;
    }
    error = cudaLaunchKernelExC(&configuration, kernel, arguments);
  }
  if (error == cudaSuccess) return {};
  (void)cudaGetLastError();
  return cuda_status(error, where(shape.place) + ": " + kernel_name(kernel));
}
#endif

}  // namespace fusor::cuda::detail

namespace fusor::cuda {

Launched take_last_launch() {
  return std::exchange(detail::latest, {});
}

std::string describe(const Launched& launched) {
#if defined(__CUDACC__)
  return detail::where(launched.place) + ": " + detail::kernel_name(launched.kernel);
#else
  return detail::where(launched.place);
#endif
}

}  // namespace fusor::cuda
