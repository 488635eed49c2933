// What the fuzzers' inputs mean: bytes become numbers, shapes, attributes. Most numbers are small, so that
// calls get far; some bytes stand for the numbers at which arithmetic breaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "fusor/fusor.h"

namespace fuzz {

class Input {
 public:
  Input(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

  bool empty() const { return at_ == end_; }
  // 0 once the input has ended.
  uint8_t byte() { return empty() ? 0 : *at_++; }
  int pick(int count) { return byte() % count; }
  bool one_in(int count) { return byte() % count == count - 1; }

  int64_t number() {
    static constexpr int64_t kEdges[] = {-1,
                                         -2,
                                         17,
                                         64,
                                         255,
                                         65536,
                                         std::numeric_limits<int32_t>::max(),
                                         std::numeric_limits<int32_t>::min(),
                                         int64_t{1} << 31,
                                         int64_t{1} << 32,
                                         int64_t{1} << 40,
                                         int64_t{1} << 61,
                                         std::numeric_limits<int64_t>::max(),
                                         std::numeric_limits<int64_t>::max() - 1,
                                         std::numeric_limits<int64_t>::min(),
                                         -4096};
    const uint8_t b = byte();
    return b < 240 ? b % 8 : kEdges[b - 240];
  }
  int64_t extent() { return one_in(32) ? number() : 1 + byte() % 9; }
  double real() {
    static constexpr double kEdges[] = {0,
                                        1,
                                        -1,
                                        0.5,
                                        1e-5,
                                        3,
                                        1e30,
                                        -1e30,
                                        1e-40,
                                        1e300,
                                        std::numeric_limits<double>::infinity(),
                                        std::numeric_limits<double>::quiet_NaN()};
    return kEdges[pick(12)];
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

// The attribute struct of an op, or nothing for ops without one. Enums, booleans and the lengths of lists go
// beyond what there is, now and then.
class Attributes {
 public:
  Attributes(int32_t op, Input& input) {
    const fusor_op_schema* const schema = fusor_op_get_schema(op);
    if (schema == nullptr || schema->struct_size == 0) return;
    block_.resize((static_cast<size_t>(schema->struct_size) + 7) / 8);
    put(0, static_cast<uint32_t>(input.one_in(64) ? input.pick(schema->struct_size) : schema->struct_size));
    for (int32_t i = 0; i < schema->attribute_count; ++i) fill(schema->attributes[i], input);
  }
  const void* block() const { return block_.empty() ? nullptr : block_.data(); }

 private:
  template <class T>
  void put(size_t offset, T value) {
    std::memcpy(reinterpret_cast<char*>(block_.data()) + offset, &value, sizeof value);
  }
  static int32_t narrow(int64_t value) { return static_cast<int32_t>(value); }

  void fill(const fusor_attribute_schema& attribute, Input& input) {
    const auto offset = static_cast<size_t>(attribute.offset);
    switch (attribute.type) {
      case FUSOR_ATTRIBUTE_INT32:
        return put(offset, narrow(input.number()));
      case FUSOR_ATTRIBUTE_INT64:
      case FUSOR_ATTRIBUTE_UINT64:
        return put(offset, input.number());
      case FUSOR_ATTRIBUTE_BOOL:
        return put(offset, input.one_in(64) ? narrow(input.number()) : input.pick(2));
      case FUSOR_ATTRIBUTE_FLOAT:
        return put(offset, static_cast<float>(input.real()));
      case FUSOR_ATTRIBUTE_DOUBLE:
        return put(offset, input.real());
      case FUSOR_ATTRIBUTE_ENUM:
        return put(offset, input.one_in(64) ? narrow(input.number()) : input.pick(attribute.name_count));
      case FUSOR_ATTRIBUTE_ACTIVATION: {
        const fusor_activation activation{input.one_in(64) ? narrow(input.number()) : input.pick(6),
                                          static_cast<float>(input.real()), static_cast<float>(input.real())};
        return put(offset, activation);
      }
      default: {
        int32_t count = attribute.count;
        if (attribute.count_offset >= 0) {
          const int32_t length = input.one_in(64) ? narrow(input.number()) : input.pick(attribute.count + 1);
          put(static_cast<size_t>(attribute.count_offset), length);
        }
        const bool wide = attribute.type == FUSOR_ATTRIBUTE_INT64_ARRAY;
        for (int32_t i = 0; i < count; ++i) {
          const auto at = static_cast<size_t>(i);
          if (wide) {
            put(offset + 8 * at, input.number());
          } else {
            put(offset + 4 * at, narrow(input.number()));
          }
        }
      }
    }
  }

  std::vector<int64_t> block_;  // of the strictest alignment that a field has
};

}  // namespace fuzz
