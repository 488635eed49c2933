#include "arch/launch.h"

#include <string>

#if defined(__CUDACC__)
#include "arch/cuda_error.h"
#endif

namespace fusor::cuda::detail {
namespace {

std::string where(const LaunchShape& shape) {
  const std::string file = shape.place.file_name();
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(shape.place.line());
}

}  // namespace

Status check_shape(const LaunchShape& shape) {
  const int64_t threads = int64_t{shape.block.x} * shape.block.y * shape.block.z;
  const bool fits = shape.grid.x <= 0x7fffffffu && shape.grid.y <= 65535u && shape.grid.z <= 65535u &&
                    threads > 0 && threads <= 1024 && shape.block.z <= 64;
  if (fits) return {};
  auto text = [](const dim3& d) {
    return std::to_string(d.x) + " x " + std::to_string(d.y) + " x " + std::to_string(d.z);
  };
  return {FUSOR_ERROR_INTERNAL, where(shape) + ": no GPU has a grid of " + text(shape.grid) + " blocks of " +
                                    text(shape.block) + " threads"};
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
    error = cudaLaunchKernel(kernel, shape.grid, shape.block, arguments, shape.shared_bytes, stream.handle);
  }
  if (error == cudaSuccess) return {};
  (void)cudaGetLastError();
  const char* name = nullptr;
  if (cudaFuncGetName(&name, kernel) != cudaSuccess || name == nullptr) name = "a kernel";
  return cuda_status(error, where(shape) + ": " + name);
}
#endif

}  // namespace fusor::cuda::detail
