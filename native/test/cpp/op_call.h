// Calls of CPU ops on every instruction set of this machine, for tests: tensors in, tensors out, through the
// same prepare and run as eager work.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "cpu/isa/kernel_set.h"
#include "cpu/layout/convert.h"
#include "cpu/op.h"
#include "cpu/threads/pool.h"

namespace fusor::cpu::testing {

template <class T>
constexpr int32_t dtype_of() {
  if constexpr (std::is_same_v<T, float>) return FUSOR_F32;
  if constexpr (std::is_same_v<T, int32_t>) return FUSOR_I32;
  if constexpr (std::is_same_v<T, int64_t>) return FUSOR_I64;
  if constexpr (std::is_same_v<T, uint8_t>) return FUSOR_U8;
}

inline int64_t product(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

template <class T>
struct Array {
  std::vector<int64_t> shape;
  std::vector<T> data;

  Array() = default;
  explicit Array(std::vector<int64_t> s) : shape(std::move(s)), data(static_cast<size_t>(product(shape))) {}
  Array(std::vector<int64_t> s, std::vector<T> d) : shape(std::move(s)), data(std::move(d)) {}

  fusor_buffer buffer() const {
    fusor_buffer b{};
    b.struct_size = sizeof b;
    b.dtype = dtype_of<T>();
    b.rank = static_cast<int32_t>(shape.size());
    for (size_t i = 0; i < shape.size(); ++i) b.sizes[i] = shape[i];
    describe_contiguous(b);
    b.data = const_cast<T*>(data.data());
    return b;
  }
  T& operator[](int64_t i) { return data[static_cast<size_t>(i)]; }
  const T& operator[](int64_t i) const { return data[static_cast<size_t>(i)]; }
  int64_t size() const { return static_cast<int64_t>(data.size()); }
};
using Floats = Array<float>;

inline Floats random_floats(std::vector<int64_t> shape, uint32_t seed, float scale = 1.f) {
  Floats result(std::move(shape));
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.f, scale);
  for (float& x : result.data) x = normal(generator);
  return result;
}

inline Floats small_integers(std::vector<int64_t> shape, uint32_t seed) {
  Floats result(std::move(shape));
  std::mt19937 generator(seed);
  std::uniform_int_distribution<int> values(-4, 4);
  for (float& x : result.data) x = static_cast<float>(values(generator));
  return result;
}

// Memory that ends where the sanitizers notice: no slack behind the last element.
struct Owned {
  fusor_buffer buffer;
  std::vector<char> bytes;
};

// Runs the op on `kernels` with 1 and then 3 threads, requires the same bits of both, and writes the results,
// strided and contiguous, to `outputs`. `blocked` gives rank 4 f32 inputs in blocked layout to ops that take
// it.
inline void run_op(const KernelSet& kernels, const OpEntry& entry, const void* attributes,
                   const std::vector<const fusor_buffer*>& inputs, const std::vector<fusor_buffer*>& outputs,
                   bool blocked = false) {
  Pool& pool = Pool::instance();
  Pool::Turn turn;
  std::vector<Owned> converted;
  converted.reserve(inputs.size());
  std::vector<const fusor_buffer*> arguments = inputs;
  for (const fusor_buffer*& input : arguments) {
    if (!blocked || !entry.takes_blocked || !input || input->rank != 4 || input->dtype != FUSOR_F32) continue;
    Owned& copy = converted.emplace_back(Owned{*input, {}});
    describe_blocked(copy.buffer, kernels.lanes, Halo{1, 2, 3, 1});
    copy.bytes.resize(static_cast<size_t>(copy.buffer.byte_size));
    copy.buffer.data = copy.bytes.data();
    REQUIRE(convert_layout(kernels, pool, 1, *input, copy.buffer) == FUSOR_OK);
    input = &copy.buffer;
  }

  std::vector<std::vector<char>> first_result;
  for (int threads : {1, 3}) {
    pool.set_threads(threads);
    std::vector<Owned> results;
    for (fusor_buffer* output : outputs) results.push_back({*output, {}});
    std::vector<fusor_buffer*> pointers;
    for (Owned& result : results) pointers.push_back(&result.buffer);
    const fusor_op_call call{sizeof(fusor_op_call),
                             entry.op,
                             attributes,
                             arguments.data(),
                             static_cast<int32_t>(arguments.size()),
                             pointers.data(),
                             static_cast<int32_t>(pointers.size())};
    REQUIRE(prepare_op_entry(entry, kernels, call) == FUSOR_OK);
    for (Owned& result : results) {
      result.bytes.assign(static_cast<size_t>(result.buffer.byte_size),
                          static_cast<char>(0x7f));  // NaN if unwritten
      result.buffer.data = result.bytes.data();
    }
    Scratch scratch;
    OpContext context{kernels, pool, threads, scratch};
    REQUIRE(entry.run(context, call) == FUSOR_OK);
    for (size_t i = 0; i < results.size(); ++i) {
      if (threads == 1)
        first_result.push_back(results[i].bytes);
      else
        CHECK(first_result[i] == results[i].bytes);
      REQUIRE(convert_layout(kernels, pool, 1, results[i].buffer, *outputs[i]) == FUSOR_OK);
    }
  }
  pool.set_threads(0);
}

// Body(const KernelSet&) on every set that this machine runs.
template <class Body>
void on_every_set(const Body& body) {
  const KernelSetList list = runnable_kernels();
  REQUIRE(list.count > 0);
  for (int i = 0; i < list.count; ++i) {
    const std::string instruction_set = list.sets[i]->name;
    CAPTURE(instruction_set);
    body(*list.sets[i]);
  }
}

inline bool close(double actual, double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(actual);
  if (std::isinf(expected)) return actual == expected;
  return std::abs(actual - expected) <= tolerance;
}

}  // namespace fusor::cpu::testing
