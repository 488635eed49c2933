// Reading arguments. JavaScript's types were checked by the TypeScript face; here again, so that no call can
// do harm: a wrong one throws FUSOR_ERROR_ARGUMENT.
#pragma once

#include <napi.h>

#include <cstdint>
#include <limits>
#include <span>
#include <string>

#include "fusor/fusor.h"

namespace fusor::binding {

double number_argument(napi_env env, napi_value value, const char* what);
// An integer from `least` to `greatest`.
int64_t integer_argument(napi_env env, napi_value value, const char* what, int64_t least, int64_t greatest);
inline int32_t int32_argument(napi_env env, napi_value value, const char* what) {
  return static_cast<int32_t>(integer_argument(env, value, what, std::numeric_limits<int32_t>::min(),
                                               std::numeric_limits<int32_t>::max()));
}
bool bool_argument(napi_env env, napi_value value, const char* what);
std::string string_argument(napi_env env, napi_value value, const char* what);
uint32_t array_length(napi_env env, napi_value value, const char* what);
napi_value array_element(napi_env env, napi_value array, uint32_t index);

// The memory of a typed array: valid until JavaScript runs again.
std::span<char> typed_array_bytes(napi_env env, napi_value value, const char* what);
std::span<double> float64_array(napi_env env, napi_value value, const char* what);

// Sizes of a shape.
struct Sizes {
  int32_t rank = 0;
  int64_t values[FUSOR_MAX_RANK] = {};
};
Sizes sizes_argument(napi_env env, napi_value value, const char* what);

}  // namespace fusor::binding
