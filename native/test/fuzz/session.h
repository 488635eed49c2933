// What the fuzzers of the C API share: one environment, waiting for callbacks, and ending the process where
// the engine contradicts itself.
#pragma once

#include <semaphore.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz/input.h"

namespace fuzz {

#define FUZZ_CHECK(condition)                                                                      \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #condition, \
                   fusor_last_error());                                                            \
      std::abort();                                                                                \
    }                                                                                              \
  } while (false)

inline fusor_environment* environment() {
  static fusor_environment* const made = [] {
    // Beyond one thread there is nothing to find here, and threads cost runs.
    FUZZ_CHECK(fusor_threads_set(2) == FUSOR_OK);
    fusor_environment* created = nullptr;
    FUZZ_CHECK(fusor_environment_create(&created) == FUSOR_OK);
    return created;
  }();
  return made;
}

class Report {
 public:
  Report() { sem_init(&arrived_, 0, 0); }
  ~Report() { sem_destroy(&arrived_); }
  static void done(void* report, fusor_status status, const char* message) {
    plan_done(report, status, message, nullptr);
  }
  static void plan_done(void* report, fusor_status status, const char* message, fusor_plan* plan) {
    auto* const self = static_cast<Report*>(report);
    self->status_ = status;
    if (message != nullptr) self->message = message;
    self->plan = plan;
    sem_post(&self->arrived_);
  }
  // What the call returned; if it was queued, what came of it.
  fusor_status wait(fusor_status queued) {
    if (queued != FUSOR_OK) return queued;
    while (sem_wait(&arrived_) != 0) {
    }
    return status_;
  }

  // All that is refused to work that was accepted: numbers in a tensor that are no indices into another.
  bool is_good(fusor_status status) const {
    return status == FUSOR_OK ||
           (status == FUSOR_ERROR_ARGUMENT && message.find("index") != std::string::npos);
  }

  fusor_plan* plan = nullptr;
  std::string message;

 private:
  sem_t arrived_;
  fusor_status status_ = FUSOR_OK;
};

// Larger ones are not run: they would find nothing that small ones do not, and take long.
inline constexpr int64_t kMostElements = 2048;

// -1 where a size is negative.
inline int64_t elements(const fusor_tensor_info& info) {
  int64_t count = 1;
  for (int32_t i = 0; i < info.rank; ++i) {
    if (info.sizes[i] < 0) return -1;
    if (info.sizes[i] > kMostElements) return kMostElements + 1;
    count *= info.sizes[i];
    if (count > kMostElements) return kMostElements + 1;
  }
  return count;
}

inline fusor_tensor_info info_of(const fusor_tensor* tensor) {
  fusor_tensor_info info{};
  info.struct_size = sizeof info;
  FUZZ_CHECK(fusor_tensor_get_info(tensor, &info) == FUSOR_OK);
  return info;
}

// A tensor of small numbers, or null where the engine refuses it. Never a large one.
inline fusor_tensor* make_tensor(Input& input) {
  static constexpr int64_t kBytes[] = {4, 2, 2, 4, 8, 1, 4, 8};  // the last two are no dtypes
  fusor_tensor_info info{};
  info.dtype = input.one_in(3) ? input.pick(8) : static_cast<int32_t>(FUSOR_F32);
  info.rank = input.one_in(32) ? static_cast<int32_t>(input.number()) : input.pick(6);
  for (int64_t& size : info.sizes) size = 1;
  for (int32_t i = 0; i < info.rank && i < FUSOR_MAX_RANK; ++i) info.sizes[i] = input.extent();
  int64_t count = info.rank >= 0 && info.rank <= FUSOR_MAX_RANK ? elements(info) : 1;
  if (count < 0 || count > kMostElements) count = 0;  // the engine refuses to make it of so few bytes
  std::vector<uint8_t> data(static_cast<size_t>(count * 8 + 8));
  const int64_t bytes = count * kBytes[info.dtype];
  const uint8_t salt = input.byte();
  for (int64_t i = 0; i < count; ++i) {
    const int value = static_cast<int>((i * 7 + salt) % 13) - (salt % 8);
    if (info.dtype == FUSOR_F32) {
      const float number = static_cast<float>(value) / 4;
      std::memcpy(data.data() + 4 * i, &number, 4);
    } else if (kBytes[info.dtype] == 4) {
      std::memcpy(data.data() + 4 * i, &value, 4);
    } else if (kBytes[info.dtype] == 8) {
      const int64_t number = value;
      std::memcpy(data.data() + 8 * i, &number, 8);
    } else {
      for (int64_t b = 0; b < kBytes[info.dtype]; ++b) {
        data[static_cast<size_t>(i * kBytes[info.dtype] + b)] = static_cast<uint8_t>(value * 37);
      }
    }
  }
  fusor_tensor* made = nullptr;
  const int64_t told = input.one_in(64) ? input.number() : bytes;
  if (told > bytes) return nullptr;  // by contract, that many bytes are there
  const fusor_status status =
      fusor_tensor_create(environment(), 0, info.dtype, info.rank, info.sizes, data.data(), told, &made);
  FUZZ_CHECK((status == FUSOR_OK) == (made != nullptr));
  return made;
}

// The elements, once they are there; nothing where an index was out of range.
inline std::vector<char> read(fusor_tensor* tensor) {
  const fusor_tensor_info info = info_of(tensor);
  std::vector<char> data(static_cast<size_t>(info.byte_size));
  Report report;
  const fusor_status status = report.wait(
      fusor_tensor_read(environment(), tensor, data.data(), info.byte_size, Report::done, &report));
  if (!report.is_good(status)) {
    std::fprintf(stderr, "an accepted call failed with status %d: %s\n", status, report.message.c_str());
    std::abort();
  }
  if (status != FUSOR_OK) data.clear();
  return data;
}

inline fusor_memory_info memory() {
  fusor_memory_info info{};
  info.struct_size = sizeof info;
  FUZZ_CHECK(fusor_memory_get(0, &info) == FUSOR_OK);
  return info;
}

// Reports the first failure that no tensor carries.
inline void synchronize() {
  Report report;
  FUZZ_CHECK(report.is_good(report.wait(fusor_synchronize(environment(), 0, Report::done, &report))));
}

}  // namespace fuzz
