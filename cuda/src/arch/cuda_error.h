// What the runtime's errors mean to the backend. For device_api_cuda.cpp and launch.cu: nobody else sees
// cudaError_t.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "arch/status.h"

namespace fusor::cuda::detail {

/** `what` names the call and its place: "layer_norm.cu:120: layer_norm_kernel". */
Status cuda_status(cudaError_t error, const std::string& what);

}  // namespace fusor::cuda::detail
