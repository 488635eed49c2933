// The driver encodes tensor maps. Its functions are looked up when they are first needed: libfusor_cuda
// loads, and says what is missing, where there is no driver.
#include "arch/tensor_map.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <string>

namespace fusor::cuda {
namespace {

template <class Function>
Function driver_function(const char* name) {
  constexpr unsigned kSince = 12000;
  void* pointer = nullptr;
  cudaDriverEntryPointQueryResult result;
  if (cudaGetDriverEntryPointByVersion(name, &pointer, kSince, cudaEnableDefault, &result) != cudaSuccess ||
      result != cudaDriverEntryPointSuccess) {
    return nullptr;
  }
  return reinterpret_cast<Function>(pointer);
}

CUtensorMapDataType data_type(fusor_dtype dtype) {
  return dtype == FUSOR_BF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
}

Status failed(const char* what, CUresult result) {
  return {FUSOR_ERROR_INTERNAL, std::string(what) + ": CUDA driver error " + std::to_string(result)};
}

static_assert(sizeof(TensorMap) == sizeof(CUtensorMap) && alignof(TensorMap) >= alignof(CUtensorMap));

}  // namespace

Status encode_tiled(TensorMap* map, const TiledMap& d) {
  static const auto encode = driver_function<decltype(&cuTensorMapEncodeTiled)>("cuTensorMapEncodeTiled");
  if (encode == nullptr) return failed("cuTensorMapEncodeTiled", CUDA_ERROR_NOT_FOUND);
  cuuint64_t sizes[3], strides[2];
  cuuint32_t box[3], steps[3] = {1, 1, 1};
  for (int i = 0; i < d.rank; ++i) {
    sizes[i] = static_cast<cuuint64_t>(d.sizes[i]);
    box[i] = static_cast<cuuint32_t>(d.box[i]);
    if (i > 0) strides[i - 1] = static_cast<cuuint64_t>(d.strides[i - 1]);
  }
  const CUresult result = encode(reinterpret_cast<CUtensorMap*>(map), data_type(d.dtype),
                                 static_cast<cuuint32_t>(d.rank), const_cast<void*>(d.data), sizes, strides,
                                 box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                                 CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? Status() : failed("cuTensorMapEncodeTiled", result);
}

Status encode_im2col(TensorMap* map, const Im2colMap& d) {
  static const auto encode = driver_function<decltype(&cuTensorMapEncodeIm2col)>("cuTensorMapEncodeIm2col");
  if (encode == nullptr) return failed("cuTensorMapEncodeIm2col", CUDA_ERROR_NOT_FOUND);
  constexpr cuuint32_t kChannels = 64;
  const auto c = static_cast<cuuint64_t>(d.c), w = static_cast<cuuint64_t>(d.w),
             h = static_cast<cuuint64_t>(d.h);
  const cuuint64_t sizes[4] = {c, w, h, static_cast<cuuint64_t>(d.n)};
  const cuuint64_t strides[3] = {c * 2, c * w * 2, c * w * h * 2};
  const int lower[2] = {d.lower_w, d.lower_h}, upper[2] = {d.upper_w, d.upper_h};
  const cuuint32_t steps[4] = {1, static_cast<cuuint32_t>(d.stride_w), static_cast<cuuint32_t>(d.stride_h),
                               1};
  const CUresult result = encode(
      reinterpret_cast<CUtensorMap*>(map), data_type(d.dtype), 4, const_cast<void*>(d.data), sizes, strides,
      lower, upper, kChannels, static_cast<cuuint32_t>(d.pixels), steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
      CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? Status() : failed("cuTensorMapEncodeIm2col", result);
}

}  // namespace fusor::cuda
