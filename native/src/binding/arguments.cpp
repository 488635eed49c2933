#include "binding/arguments.h"

#include <cmath>

#include "binding/failure.h"

namespace fusor::binding {
namespace {

[[noreturn]] void wrong(const char* what, const char* expected) {
  fail(FUSOR_ERROR_ARGUMENT, std::string(what) + " must be " + expected);
}

size_t element_bytes(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return 0;
  }
}

}  // namespace

double number_argument(napi_env env, napi_value value, const char* what) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) wrong(what, "a number");
  return number;
}

int64_t integer_argument(napi_env env, napi_value value, const char* what, int64_t least, int64_t greatest) {
  const double number = number_argument(env, value, what);
  // 2^53 keeps the comparison below exact.
  if (!(std::abs(number) <= 0x1p53) || number != std::trunc(number)) wrong(what, "an integer");
  const auto integer = static_cast<int64_t>(number);
  if (integer < least || integer > greatest) {
    fail(FUSOR_ERROR_ARGUMENT, std::string(what) + " must be from " + std::to_string(least) + " to " +
                                   std::to_string(greatest) + ", got " + std::to_string(integer));
  }
  return integer;
}

bool bool_argument(napi_env env, napi_value value, const char* what) {
  bool flag = false;
  if (napi_get_value_bool(env, value, &flag) != napi_ok) wrong(what, "true or false");
  return flag;
}

std::string string_argument(napi_env env, napi_value value, const char* what) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) wrong(what, "a string");
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  return text;
}

uint32_t array_length(napi_env env, napi_value value, const char* what) {
  uint32_t length = 0;
  if (napi_get_array_length(env, value, &length) != napi_ok) wrong(what, "an array");
  return length;
}

napi_value array_element(napi_env env, napi_value array, uint32_t index) {
  napi_value element = nullptr;
  if (napi_get_element(env, array, index, &element) != napi_ok) throw Napi::Error::New(env);
  return element;
}

std::span<char> typed_array_bytes(napi_env env, napi_value value, const char* what) {
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      element_bytes(type) == 0) {
    wrong(what, "a typed array");
  }
  return {static_cast<char*>(data), length * element_bytes(type)};
}

std::span<double> float64_array(napi_env env, napi_value value, const char* what) {
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array) {
    wrong(what, "a Float64Array");
  }
  return {static_cast<double*>(data), length};
}

Sizes sizes_argument(napi_env env, napi_value value, const char* what) {
  const uint32_t rank = array_length(env, value, what);
  if (rank > FUSOR_MAX_RANK) {
    fail(FUSOR_ERROR_SHAPE, std::string(what) + " has " + std::to_string(rank) +
                                " dimensions, but tensors have at most " + std::to_string(FUSOR_MAX_RANK));
  }
  Sizes sizes;
  sizes.rank = static_cast<int32_t>(rank);
  for (uint32_t i = 0; i < rank; ++i) {
    sizes.values[i] = integer_argument(env, array_element(env, value, i), what, 0, int64_t{1} << 53);
  }
  return sizes;
}

}  // namespace fusor::binding
