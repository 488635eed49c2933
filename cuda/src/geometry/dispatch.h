// From an element type known at run time to one known when compiling.
#pragma once

#include <cstdint>

#include "arch/types.h"
#include "fusor/types.h"

namespace fusor::cuda {

template <class T>
struct Type {
  using type = T;
};

/** Calls body(Type<T>) for f32, f16 or bf16. */
template <class Body>
auto by_float(int32_t dtype, Body&& body) {
  switch (dtype) {
    case FUSOR_F16:
      return body(Type<f16>{});
    case FUSOR_BF16:
      return body(Type<bf16>{});
    default:
      return body(Type<float>{});
  }
}

/** Calls body(Type<T>) for i32, i64 or u8. */
template <class Body>
auto by_integer(int32_t dtype, Body&& body) {
  switch (dtype) {
    case FUSOR_I64:
      return body(Type<int64_t>{});
    case FUSOR_U8:
      return body(Type<uint8_t>{});
    default:
      return body(Type<int32_t>{});
  }
}

template <class Body>
auto by_dtype(int32_t dtype, Body&& body) {
  return dtype == FUSOR_I32 || dtype == FUSOR_I64 || dtype == FUSOR_U8 ? by_integer(dtype, body)
                                                                       : by_float(dtype, body);
}

}  // namespace fusor::cuda
