#include "binding/encoding.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "binding/failure.h"

namespace fusor::binding {

double Reader::number() {
  if (position_ >= numbers_.size()) fail(FUSOR_ERROR_ARGUMENT, "encoded arguments end too early");
  return numbers_[position_++];
}

int64_t Reader::int64() {
  const double value = number();
  if (!(std::abs(value) <= 0x1p53) || value != std::trunc(value)) {
    fail(FUSOR_ERROR_ARGUMENT, "expected an integer, got " + std::to_string(value));
  }
  return static_cast<int64_t>(value);
}

int32_t Reader::int32() {
  const int64_t value = int64();
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max()) {
    fail(FUSOR_ERROR_ARGUMENT, "expected a 32-bit integer, got " + std::to_string(value));
  }
  return static_cast<int32_t>(value);
}

size_t Reader::count() {
  const int64_t value = int64();
  if (value < 0 || static_cast<uint64_t>(value) > numbers_.size() - position_) {
    fail(FUSOR_ERROR_ARGUMENT, "encoded arguments end too early");
  }
  return static_cast<size_t>(value);
}

int32_t Reader::sizes(int64_t (&sizes)[FUSOR_MAX_RANK]) {
  const size_t rank = count();
  if (rank > FUSOR_MAX_RANK) {
    fail(FUSOR_ERROR_SHAPE, "a shape has " + std::to_string(rank) + " dimensions, but tensors have at most " +
                                std::to_string(FUSOR_MAX_RANK));
  }
  for (size_t i = 0; i < rank; ++i) sizes[i] = int64();
  return static_cast<int32_t>(rank);
}

Attributes::Attributes(const fusor_op_schema& schema, Reader& reader) : empty_(schema.struct_size == 0) {
  if (empty_) return;
  if (static_cast<size_t>(schema.struct_size) > sizeof bytes_) {
    fail(FUSOR_ERROR_INTERNAL, std::string(schema.name) + ": more attributes than the binding has room for");
  }
  store<uint32_t>(0, static_cast<uint32_t>(schema.struct_size));
  for (int32_t i = 0; i < schema.attribute_count; ++i) read(schema.attributes[i], reader);
}

template <class T>
void Attributes::store(int32_t offset, T value) {
  std::memcpy(bytes_ + offset, &value, sizeof value);
}

void Attributes::read(const fusor_attribute_schema& attribute, Reader& reader) {
  switch (attribute.type) {
    case FUSOR_ATTRIBUTE_INT32:
    case FUSOR_ATTRIBUTE_ENUM:
      return store(attribute.offset, reader.int32());
    case FUSOR_ATTRIBUTE_BOOL:
      return store<int32_t>(attribute.offset, reader.boolean() ? 1 : 0);
    case FUSOR_ATTRIBUTE_INT64:
      return store(attribute.offset, reader.int64());
    case FUSOR_ATTRIBUTE_UINT64: {
      const auto low = static_cast<uint64_t>(reader.int64());
      const auto high = static_cast<uint64_t>(reader.int64());
      return store(attribute.offset, (low & 0xffffffffu) | high << 32);
    }
    case FUSOR_ATTRIBUTE_FLOAT:
      return store(attribute.offset, static_cast<float>(reader.number()));
    case FUSOR_ATTRIBUTE_DOUBLE:
      return store(attribute.offset, reader.number());
    case FUSOR_ATTRIBUTE_INT32_ARRAY:
    case FUSOR_ATTRIBUTE_INT64_ARRAY:
      return read_list(attribute, reader);
    case FUSOR_ATTRIBUTE_ACTIVATION: {
      fusor_activation activation{};
      activation.kind = reader.int32();
      activation.low = static_cast<float>(reader.number());
      activation.high = static_cast<float>(reader.number());
      return store(attribute.offset, activation);
    }
    default:
      fail(FUSOR_ERROR_INTERNAL,
           std::string(attribute.name) + " is of a kind that the binding does not know");
  }
}

void Attributes::read_list(const fusor_attribute_schema& attribute, Reader& reader) {
  const size_t length = reader.count();
  const auto places = static_cast<size_t>(attribute.count);
  if (attribute.count_offset < 0 ? length != places : length > places) {
    fail(FUSOR_ERROR_ARGUMENT, std::string(attribute.name) + " must have " +
                                   (attribute.count_offset < 0 ? "" : "at most ") + std::to_string(places) +
                                   " entries, got " + std::to_string(length));
  }
  for (size_t i = 0; i < length; ++i) {
    if (attribute.type == FUSOR_ATTRIBUTE_INT32_ARRAY) {
      store(attribute.offset + static_cast<int32_t>(i * sizeof(int32_t)), reader.int32());
    } else {
      store(attribute.offset + static_cast<int32_t>(i * sizeof(int64_t)), reader.int64());
    }
  }
  if (attribute.count_offset >= 0) store(attribute.count_offset, static_cast<int32_t>(length));
}

bool read_spec(Reader& reader, fusor_tensor_info& info) {
  info = {};
  info.struct_size = sizeof info;
  info.dtype = reader.int32();
  if (info.dtype < 0) return false;
  info.device = reader.int32();
  info.rank = reader.sizes(info.sizes);
  return true;
}

void write_spec(std::span<double> numbers, const fusor_tensor_info& info) {
  if (numbers.size() < kSpecNumbers) return;
  numbers[0] = info.dtype;
  numbers[1] = info.device;
  numbers[2] = info.rank;
  for (int32_t i = 0; i < info.rank; ++i)
    numbers[static_cast<size_t>(3 + i)] = static_cast<double>(info.sizes[i]);
}

}  // namespace fusor::binding
