// A conformance test of arch/: what each primitive does, compared bit by bit with what its documentation
// says. The same source is built for the emulator and, by nvcc, for a GPU, so that a run on hardware tells
// whether the emulator's models are right. A plain program: it needs a driver and nothing else.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "arch/device_api.h"
#include "arch/stream.h"

namespace fusor::cuda::primitives {

/** Counts cases and prints one line for each. */
class Report {
 public:
  void add(const char* name, bool right, const std::string& detail = {}) {
    std::printf("%s %s%s%s\n", right ? "ok    " : "FAILED", name, detail.empty() ? "" : ": ", detail.c_str());
    (right ? passed : failed)++;
  }
  int passed = 0, failed = 0;
};

/** Memory of the device, filled with a pattern that no result has. */
template <class T>
class Buffer {
 public:
  explicit Buffer(size_t count) : count_(count) {
    void* pointer = nullptr;
    check(device::allocate(&pointer, bytes()));
    data_ = static_cast<T*>(pointer);
    check(device::fill(data_, 0xcd, bytes(), nullptr));
    check(device::synchronize());  // kernels run on streams that do not wait for the default one
  }
  explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) {
    check(device::copy(data_, values.data(), bytes(), nullptr));
    check(device::synchronize());
  }
  ~Buffer() { check(device::release(data_)); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  T* data() const { return data_; }
  std::vector<T> read() const {
    std::vector<T> values(count_);
    check(device::synchronize());
    check(device::copy(values.data(), data_, bytes(), nullptr));
    check(device::synchronize());  // where the driver shares pageable memory the copy is under way still
    return values;
  }
  static void check(const Status& status) {
    if (status.ok()) return;
    std::printf("FAILED %s\n", status.message().c_str());
    std::exit(2);
  }

 private:
  int64_t bytes() const { return static_cast<int64_t>(count_ * sizeof(T)); }
  T* data_ = nullptr;
  size_t count_;
};

inline void require(const Status& status) {
  Buffer<int>::check(status);
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/** What all GPUs since sm_80 have. */
void test_ampere(Stream& stream, Report& report);
/** mbarrier with bytes, TMA, wgmma. */
void test_hopper(Stream& stream, Report& report);

}  // namespace fusor::cuda::primitives
