// Arguments as they come in through C: pointers, lists, and structs that may be of another version.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tensor/failure.h"

namespace fusor {

inline void require_pointer(const void* pointer, const char* name) {
  if (pointer == nullptr) fail(FUSOR_ERROR_ARGUMENT, name, " must not be null");
}

template <class T>
T& required(T* pointer, const char* name) {
  require_pointer(pointer, name);
  return *pointer;
}

// A list of `count` things at `pointer`.
template <class T>
void require_list(const T* pointer, int32_t count, const char* name) {
  if (count < 0) fail(FUSOR_ERROR_ARGUMENT, "the number of ", name, " must be at least 0, got ", count);
  if (count > 0) require_pointer(pointer, name);
}

// Structs that callers pass in have at least the fields of this version.
template <class T>
const T& known_struct(const T* given, const char* name) {
  required(given, name);
  if (given->struct_size < sizeof(T)) {
    fail(FUSOR_ERROR_ARGUMENT, name, " says struct_size ", given->struct_size,
         "; set it to sizeof, which is ", sizeof(T), " here");
  }
  return *given;
}

// Entry `index` of an array of structs, which lie as far apart as the first one says they are large.
template <class T>
T& struct_at(T* first, int32_t index) {
  using Bytes = std::conditional_t<std::is_const_v<T>, const char, char>;
  return *reinterpret_cast<T*>(reinterpret_cast<Bytes*>(first) +
                               size_t{first->struct_size} * static_cast<size_t>(index));
}

// Fills what the caller's version of a result has room for. Its struct_size stays.
template <class T>
void write_struct(T* to, const T& value, const char* name) {
  required(to, name);
  const uint32_t size = to->struct_size;
  if (size < sizeof size)
    fail(FUSOR_ERROR_ARGUMENT, name, ".struct_size is ", size, "; set it to sizeof of the struct");
  std::memcpy(to, &value, std::min<size_t>(size, sizeof(T)));
  to->struct_size = size;
}

}  // namespace fusor
