// Numbers in a Float64Array, as the TypeScript face writes them (ts/addon/encoding.ts): attributes in the
// order of the op's schema, shapes, whole graphs. Reading checks bounds and ranges and throws
// FUSOR_ERROR_ARGUMENT.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "fusor/fusor.h"

namespace fusor::binding {

class Reader {
 public:
  explicit Reader(std::span<const double> numbers) : numbers_(numbers) {}

  double number();
  int64_t int64();
  int32_t int32();
  bool boolean() { return int32() != 0; }
  // How many things follow: so many that each can have a number of its own.
  size_t count();
  // Rank, then sizes.
  int32_t sizes(int64_t (&sizes)[FUSOR_MAX_RANK]);

 private:
  std::span<const double> numbers_;
  size_t position_ = 0;
};

// The attribute struct of an op.
class Attributes {
 public:
  // Reads what the schema lists: numbers as they are; lists with their length in front; enumerations by
  // index; activations as kind, low, high; 64-bit words as two halves, the lower first.
  Attributes(const fusor_op_schema& schema, Reader& reader);
  const void* data() const { return empty_ ? nullptr : bytes_; }

 private:
  void read(const fusor_attribute_schema& attribute, Reader& reader);
  void read_list(const fusor_attribute_schema& attribute, Reader& reader);
  template <class T>
  void store(int32_t offset, T value);

  // The largest struct is fusor_slice_attributes: three lists of FUSOR_MAX_RANK 64-bit numbers.
  alignas(8) std::byte bytes_[256] = {};
  bool empty_;
};

// A tensor's dtype, device and shape for fusor_op_infer, or its absence (dtype -1).
bool read_spec(Reader& reader, fusor_tensor_info& info);
// Writes dtype, device, rank and sizes: kSpecNumbers numbers.
constexpr size_t kSpecNumbers = 3 + FUSOR_MAX_RANK;
void write_spec(std::span<double> numbers, const fusor_tensor_info& info);

}  // namespace fusor::binding
