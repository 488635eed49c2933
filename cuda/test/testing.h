// What kernel tests share: device buffers, random data, the three schedules, comparison with float64.
#pragma once

// The emulator catches signals of kernels itself.
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "arch/device_api.h"
#include "arch/types.h"
#include "emulator/block.h"
#include "emulator/device_state.h"

namespace fusor::cuda::testing {

#define REQUIRE_OK(expression)                          \
  do {                                                  \
    const ::fusor::cuda::Status status_ = (expression); \
    REQUIRE_MESSAGE(status_.ok(), status_.message());   \
  } while (false)

template <class T>
constexpr fusor_dtype dtype_of();
template <>
constexpr fusor_dtype dtype_of<float>() {
  return FUSOR_F32;
}
template <>
constexpr fusor_dtype dtype_of<f16>() {
  return FUSOR_F16;
}
template <>
constexpr fusor_dtype dtype_of<bf16>() {
  return FUSOR_BF16;
}

/** Half a unit in the last place of numbers near 1: the relative error of one rounding to T. */
template <class T>
constexpr double rounding_of() {
  return dtype_of<T>() == FUSOR_F32 ? 0x1p-24 : dtype_of<T>() == FUSOR_F16 ? 0x1p-11 : 0x1p-8;
}

/** Memory of the device with a copy on the host. New memory is NaN, so that what a kernel does not write
 * shows. */
template <class T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(size_t count) : count_(count) {
    void* pointer = nullptr;
    REQUIRE_OK(device::allocate(&pointer, static_cast<int64_t>(count * sizeof(T))));
    data_ = static_cast<T*>(pointer);
  }
  explicit DeviceBuffer(const std::vector<T>& values) : DeviceBuffer(values.size()) {
    REQUIRE_OK(device::copy(data_, values.data(), static_cast<int64_t>(values.size() * sizeof(T)), nullptr));
  }
  ~DeviceBuffer() {
    const Status status = device::release(data_);
    CHECK_MESSAGE(status.ok(), status.message());
  }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  T* data() const { return data_; }
  size_t size() const { return count_; }
  std::vector<T> read() const {
    std::vector<T> values(count_);
    REQUIRE_OK(device::synchronize());
    REQUIRE_OK(device::copy(values.data(), data_, static_cast<int64_t>(count_ * sizeof(T)), nullptr));
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t count_;
};

/** A stream of the emulated device. */
class TestStream {
 public:
  TestStream() {
    REQUIRE_OK(device::stream_create(&stream_.handle));
    stream_.properties = &emulator::emulated_properties();
  }
  ~TestStream() {
    const Status status = device::stream_destroy(stream_.handle);
    CHECK_MESSAGE(status.ok(), status.message());
  }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;
  operator Stream&() { return stream_; }
  Stream* operator->() { return &stream_; }

 private:
  Stream stream_;
};

/** Runs `test` with the threads, blocks and late copies of kernels in three orders. */
template <class Test>
void in_every_schedule(Test test) {
  using emulator::Schedule;
  const std::pair<Schedule, const char*> schedules[] = {
      {Schedule::forward, "forward"}, {Schedule::reverse, "reverse"}, {Schedule::random, "random"}};
  for (const auto& [schedule, name] : schedules) {
    INFO("schedule: ", std::string(name));
    emulator::set_schedule(schedule, 20251);
    test();
  }
  emulator::set_schedule(Schedule::forward);
}

/** Uniform in [-1, 1], rounded to T. */
template <class T>
std::vector<T> random_values(size_t count, uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::uniform_real_distribution<float> uniform(-1.f, 1.f);
  std::vector<T> values(count);
  for (T& value : values) value = from_float<T>(uniform(engine));
  return values;
}

/** Small integers, whose sums and products are exact: the result must be equal. */
template <class T>
std::vector<T> random_integers(size_t count, int low, int high, uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::uniform_int_distribution<int> uniform(low, high);
  std::vector<T> values(count);
  for (T& value : values) value = from_float<T>(static_cast<float>(uniform(engine)));
  return values;
}

/** Every element within `absolute + relative * |expected|`; NaN is equal to NaN only. */
template <class T>
void check_close(const std::vector<T>& actual, const std::vector<double>& expected, double relative,
                 double absolute) {
  REQUIRE(actual.size() == expected.size());
  size_t wrong = 0, first = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double a = to_float(actual[i]), e = expected[i];
    const bool same =
        std::isnan(e) ? std::isnan(a) : a == e || std::fabs(a - e) <= absolute + relative * std::fabs(e);
    if (!same && wrong++ == 0) first = i;
  }
  INFO(wrong, " of ", actual.size(), " differ; element ", first, " is ",
       wrong > 0 ? to_float(actual[first]) : 0.f, ", expected ", wrong > 0 ? expected[first] : 0.0);
  CHECK(wrong == 0);
}

}  // namespace fusor::cuda::testing
