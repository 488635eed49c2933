// Ops called as the backend calls them: arrays of numbers in, laid out in memory in some way, prepare and run
// of the op's entry, arrays out. Values are doubles that the element type holds exactly.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>

#include "backend/op_table.h"
#include "copy/copy.h"
#include "geometry/dispatch.h"
#include "index/fault.h"
#include "math/convert.h"
#include "testing.h"

namespace fusor::cuda::testing {

using Sizes = std::vector<int64_t>;

inline int64_t product(const Sizes& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

/** Elements in logical, row-major order. */
struct Array {
  int32_t dtype = FUSOR_F32;
  Sizes sizes;
  std::vector<double> values;

  double at(const Sizes& index) const { return values[static_cast<size_t>(position(index))]; }
  int64_t position(const Sizes& index) const {
    int64_t result = 0;
    for (size_t d = 0; d < sizes.size(); ++d) result = result * sizes[d] + index[d];
    return result;
  }
};

/** Calls body(index, position) for all elements in row-major order. */
inline void for_each(const Sizes& sizes, const std::function<void(const Sizes&, size_t)>& body) {
  Sizes index(sizes.size(), 0);
  const auto count = static_cast<size_t>(product(sizes));
  for (size_t i = 0; i < count; ++i) {
    body(index, i);
    for (size_t d = sizes.size(); d-- > 0;) {
      if (++index[d] < sizes[d]) break;
      index[d] = 0;
    }
  }
}

/** `value` as the element type holds it. */
inline double rounded(int32_t dtype, double value) {
  switch (dtype) {
    case FUSOR_F16:
      return to_float(from_float<f16>(static_cast<float>(value)));
    case FUSOR_BF16:
      return to_float(from_float<bf16>(static_cast<float>(value)));
    case FUSOR_F32:
      return static_cast<float>(value);
    default:
      return std::trunc(value);
  }
}

inline double unit_roundoff(int32_t dtype) {
  return dtype == FUSOR_F16 ? 0x1p-11 : dtype == FUSOR_BF16 ? 0x1p-8 : 0x1p-24;
}

inline Array generate(int32_t dtype, Sizes sizes, const std::function<double(size_t)>& value) {
  Array array{dtype, std::move(sizes), {}};
  array.values.resize(static_cast<size_t>(product(array.sizes)));
  for (size_t i = 0; i < array.values.size(); ++i) array.values[i] = rounded(dtype, value(i));
  return array;
}
inline Array uniform(int32_t dtype, Sizes sizes, uint64_t seed, double low = -1, double high = 1) {
  std::mt19937_64 engine(seed);
  std::uniform_real_distribution<double> numbers(low, high);
  return generate(dtype, std::move(sizes), [&](size_t) { return numbers(engine); });
}
inline Array integers(int32_t dtype, Sizes sizes, uint64_t seed, int low = -4, int high = 4) {
  std::mt19937_64 engine(seed);
  std::uniform_int_distribution<int> numbers(low, high);
  return generate(dtype, std::move(sizes), [&](size_t) { return numbers(engine); });
}
inline Array map(const Array& x, const std::function<double(double)>& f) {
  Array result = x;
  for (double& value : result.values) value = f(value);
  return result;
}

/** How an input lies in memory. */
enum class Lie {
  row_major,
  reversed,    /* the first dimension innermost */
  last_second, /* channels last: dimension 1 innermost, the others in order */
  gaps,        /* row-major, every other element, starting at an odd address */
  unaligned    /* row-major, starting one element into its storage */
};

class OpCall {
 public:
  OpCall(int32_t op, const void* attributes) { call_.op = op, call_.attributes = attributes; }

  template <class Attributes>
  explicit OpCall(int32_t op, const Attributes& attributes)
      : OpCall(op, static_cast<const void*>(&attributes)) {}

  OpCall& input(const Array& array, Lie lie = Lie::row_major) {
    auto held = std::make_unique<Held>(array, lie);
    inputs_.push_back(&held->buffer);
    held_.push_back(std::move(held));
    return *this;
  }
  OpCall& absent() {
    inputs_.push_back(nullptr);
    return *this;
  }
  OpCall& output(int32_t dtype, Sizes sizes) {
    output_sizes_.push_back(std::move(sizes));
    output_dtypes_.push_back(dtype);
    return *this;
  }

  Status prepare(std::vector<fusor_buffer>& outputs) {
    outputs.clear();
    for (size_t i = 0; i < output_sizes_.size(); ++i) {
      fusor_buffer buffer = describe(output_dtypes_[i], output_sizes_[i]);
      set_row_major(buffer);
      outputs.push_back(buffer);
    }
    output_pointers_.clear();
    for (fusor_buffer& buffer : outputs) output_pointers_.push_back(&buffer);
    call_.struct_size = sizeof call_;
    call_.inputs = inputs_.data();
    call_.input_count = static_cast<int32_t>(inputs_.size());
    call_.outputs = output_pointers_.data();
    call_.output_count = static_cast<int32_t>(outputs.size());
    const OpEntry* entry = find_op(call_.op);
    REQUIRE(entry != nullptr);
    return entry->prepare != nullptr ? entry->prepare(call_) : require_floats(call_);
  }

  std::vector<Array> run() {
    TestStream stream;
    Context context(stream);
    const OpEntry* entry = find_op(call_.op);
    REQUIRE(entry != nullptr);
    // As the backend does: inputs in the form that the entry asks for.
    std::vector<fusor_buffer> formed(inputs_.size());
    const std::vector<const fusor_buffer*> given = inputs_;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i] == nullptr) continue;
      REQUIRE_OK(context.in_form(*inputs_[i], entry->inputs, &formed[i]));
      inputs_[i] = &formed[i];
    }
    std::vector<fusor_buffer> outputs;
    REQUIRE_OK(prepare(outputs));
    std::vector<std::unique_ptr<DeviceBuffer<unsigned char>>> memory;
    for (fusor_buffer& buffer : outputs) {
      memory.push_back(std::make_unique<DeviceBuffer<unsigned char>>(static_cast<size_t>(buffer.byte_size)));
      buffer.data = memory.back()->data();
    }
    REQUIRE_OK(entry->run(context, call_));
    REQUIRE_OK(device::synchronize());
    indices_ = context.report.take();
    std::vector<Array> results;
    for (size_t i = 0; i < outputs.size(); ++i)
      results.push_back(read(outputs[i], memory[i]->read(), output_sizes_[i]));
    inputs_ = given;
    return results;
  }
  /** What the kernels of the last run said of their indices. */
  const Status& indices() const { return indices_; }

 private:
  static fusor_buffer describe(int32_t dtype, const Sizes& sizes) {
    fusor_buffer buffer{};
    buffer.struct_size = sizeof buffer;
    buffer.dtype = dtype;
    buffer.rank = static_cast<int32_t>(sizes.size());
    std::fill_n(buffer.sizes, FUSOR_MAX_RANK, 1);
    std::copy(sizes.begin(), sizes.end(), buffer.sizes);
    return buffer;
  }

  struct Held {
    fusor_buffer buffer;
    std::unique_ptr<DeviceBuffer<unsigned char>> memory;

    Held(const Array& array, Lie lie) : buffer(describe(array.dtype, array.sizes)) {
      set_row_major(buffer);
      const auto rank = static_cast<int32_t>(array.sizes.size());
      const int64_t size = element_size(array.dtype);
      std::vector<int32_t> order(static_cast<size_t>(rank));  // outermost first
      std::iota(order.begin(), order.end(), 0);
      if (lie == Lie::reversed) std::reverse(order.begin(), order.end());
      if (lie == Lie::last_second && rank > 2) std::rotate(order.begin() + 1, order.begin() + 2, order.end());
      int64_t stride = lie == Lie::gaps ? 2 : 1;
      for (size_t d = order.size(); d-- > 0;) {
        buffer.strides[order[d]] = stride;
        stride *= std::max<int64_t>(buffer.sizes[order[d]], 1);
      }
      buffer.byte_offset = lie == Lie::gaps || lie == Lie::unaligned ? size : 0;
      buffer.byte_size = buffer.byte_offset + stride * size;
      std::vector<unsigned char> bytes(static_cast<size_t>(buffer.byte_size), 0xff);
      for_each(array.sizes, [&](const Sizes& index, size_t i) {
        int64_t offset = 0;
        for (size_t d = 0; d < index.size(); ++d) offset += index[d] * buffer.strides[d];
        by_dtype(array.dtype, [&](auto type) {
          using T = typename decltype(type)::type;
          T element;
          if constexpr (std::is_integral_v<T>)
            element = static_cast<T>(static_cast<int64_t>(array.values[i]));
          else
            element = from_float<T>(static_cast<float>(array.values[i]));
          std::memcpy(bytes.data() + buffer.byte_offset + offset * size, &element, sizeof element);
        });
      });
      memory = std::make_unique<DeviceBuffer<unsigned char>>(bytes);
      buffer.data = memory->data();
    }
  };

  static Array read(const fusor_buffer& buffer, const std::vector<unsigned char>& bytes, const Sizes& sizes) {
    return generate(buffer.dtype, sizes, [&, index = Sizes(sizes.size(), 0)](size_t i) mutable {
      int64_t offset = 0;
      auto rest = static_cast<int64_t>(i);
      for (size_t d = sizes.size(); d-- > 0;) {
        offset += rest % sizes[d] * buffer.strides[d];
        rest /= sizes[d];
      }
      return by_dtype(buffer.dtype, [&](auto type) -> double {
        using T = typename decltype(type)::type;
        T element;
        std::memcpy(&element, bytes.data() + offset * static_cast<int64_t>(sizeof(T)), sizeof(T));
        if constexpr (std::is_integral_v<T>)
          return static_cast<double>(element);
        else
          return to_float(element);
      });
    });
  }

  class Context final : public OpContext {
   public:
    explicit Context(Stream& stream, const OpOptions& options = {}) : OpContext(stream, options) {}
    Status workspace(int64_t bytes, void** pointer) override {
      memory_.push_back(std::make_unique<DeviceBuffer<unsigned char>>(static_cast<size_t>(bytes)));
      *pointer = memory_.back()->data();
      return {};
    }
    Status row_major(const fusor_buffer& source, fusor_buffer* result) override {
      return in_form(source, InputForm::kRowMajor, result);
    }
    Status channels_last(const fusor_buffer& source, fusor_buffer* result) override {
      return in_form(source, InputForm::kChannelsLast, result);
    }
    Status index_fault(IndexFault** fault) override { return report.place(fault); }
    IndexReport report;
    Status in_form(const fusor_buffer& source, InputForm form, fusor_buffer* result) {
      *result = source;
      const bool aligned = reinterpret_cast<uintptr_t>(data_pointer(source)) % 16 == 0;
      const bool last = form == InputForm::kChannelsLast && source.rank == 4;
      const bool has = form == InputForm::kAnyStrides ||
                       (aligned && (last ? is_channels_last(source)
                                         : is_row_major(source) ||
                                               (form == InputForm::kDense && is_channels_last(source))));
      if (has) return {};
      if (last)
        set_channels_last(*result);
      else
        set_row_major(*result);
      FUSOR_RETURN_IF_ERROR(workspace(result->byte_size, &result->data));
      return copy_elements(stream, source, *result);
    }

   private:
    std::vector<std::unique_ptr<DeviceBuffer<unsigned char>>> memory_;
  };

  fusor_op_call call_{};
  Status indices_;
  std::vector<const fusor_buffer*> inputs_;
  std::vector<std::unique_ptr<Held>> held_;
  std::vector<Sizes> output_sizes_;
  std::vector<int32_t> output_dtypes_;
  std::vector<fusor_buffer*> output_pointers_;
};

/** Every element within `absolute + relative |expected|`; NaN is equal to NaN only. */
inline void check_array(const Array& actual, const Array& expected, double relative, double absolute) {
  REQUIRE(actual.sizes == expected.sizes);
  size_t wrong = 0, first = 0;
  for (size_t i = 0; i < actual.values.size(); ++i) {
    const double a = actual.values[i], e = expected.values[i];
    const bool same =
        std::isnan(e) ? std::isnan(a) : a == e || std::fabs(a - e) <= absolute + relative * std::fabs(e);
    if (!same && wrong++ == 0) first = i;
  }
  INFO(wrong, " of ", actual.values.size(), " differ; element ", first, " is ",
       wrong > 0 ? actual.values[first] : 0.0, ", expected ", wrong > 0 ? expected.values[first] : 0.0);
  CHECK(wrong == 0);
}

inline constexpr int32_t kFloats[] = {FUSOR_F32, FUSOR_F16, FUSOR_BF16};
inline constexpr int32_t kIntegers[] = {FUSOR_I32, FUSOR_I64, FUSOR_U8};
inline constexpr int32_t kTypes[] = {FUSOR_F32, FUSOR_F16, FUSOR_BF16, FUSOR_I32, FUSOR_I64, FUSOR_U8};

/** Runs `test` for each element type: the first in all three schedules, each of the others in one of them, in
 * turn. Where a kernel waits does not depend on the type, so that is what the emulator's time is worth. */
template <int kCount, class Test>
void in_schedules(const int32_t (&types)[kCount], Test test) {
  using emulator::Schedule;
  constexpr Schedule schedules[] = {Schedule::forward, Schedule::reverse, Schedule::random};
  in_every_schedule([&] { test(types[0]); });
  for (int i = 1; i < kCount; ++i) {
    INFO("schedule ", i % 3);
    emulator::set_schedule(schedules[i % 3], 20251);
    test(types[i]);
  }
  emulator::set_schedule(Schedule::forward);
}

}  // namespace fusor::cuda::testing
