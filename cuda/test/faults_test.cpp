// The emulator is only worth what it finds: each of these plants a fault and sees it caught.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "faults.h"

#include <algorithm>
#include <cstring>

#include "testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

struct Outcome {
  Status status;
  bool right = false; /* whether the result was */
};

Outcome run(Fault fault, const float* x_pointer = nullptr) {
  const auto x = random_values<float>(128, 5);
  const DeviceBuffer<float> dx(x), dy(128);
  Outcome outcome;
  {
    TestStream stream;
    const Status launched =
        reverse_with_fault(stream, fault, x_pointer != nullptr ? x_pointer : dx.data(), dy.data());
    outcome.status = launched.ok() ? device::synchronize() : launched;
    if (!outcome.status.ok()) emulator::reset_device();
  }
  if (outcome.status.ok()) {
    std::vector<float> expected = x;
    std::reverse(expected.begin(), expected.end());
    outcome.right = dy.read() == expected;
  }
  return outcome;
}

void check_diagnosed(Fault fault, const char* part_of_text) {
  in_every_schedule([&] {
    const Outcome outcome = run(fault);
    CHECK(outcome.status.code() == FUSOR_ERROR_DEVICE_LOST);
    INFO(outcome.status.message());
    CHECK(outcome.status.message().find(part_of_text) != std::string::npos);
    CHECK(outcome.status.message().find("faults.cu") != std::string::npos);
  });
}

void check_wrong_result(Fault fault) {
  in_every_schedule([&] {
    const Outcome outcome = run(fault);
    REQUIRE_OK(outcome.status);
    CHECK(!outcome.right);
  });
}

}  // namespace

TEST_CASE("without a fault the kernel is right") {
  in_every_schedule([] {
    const Outcome outcome = run(Fault::none);
    REQUIRE_OK(outcome.status);
    CHECK(outcome.right);
  });
}

TEST_CASE("a missing wait gives a wrong result in every schedule") {
  check_wrong_result(Fault::missing_wait);
}

TEST_CASE("a missing __syncthreads gives a wrong result in every schedule") {
  check_wrong_result(Fault::missing_synchronization);
}

TEST_CASE("shared memory that nobody wrote is NaN") {
  check_wrong_result(Fault::uninitialised_shared);
}

TEST_CASE("a read after the end of an allocation is diagnosed") {
  check_diagnosed(Fault::global_out_of_bounds, "reads 4 bytes at offset 512 of an allocation of 512 bytes");
}

TEST_CASE("a write before the start of an allocation is diagnosed") {
  check_diagnosed(Fault::global_out_of_bounds_write,
                  "writes 4 bytes at offset -4 of an allocation of 512 bytes");
}

TEST_CASE("a vector read after the end of an allocation is diagnosed") {
  check_diagnosed(Fault::global_vector_out_of_bounds,
                  "reads 16 bytes at offset 512 of an allocation of 512 bytes");
}

TEST_CASE("an access after the end of shared memory is diagnosed") {
  check_diagnosed(Fault::shared_out_of_bounds,
                  "writes 4 bytes at offset 512 of 512 bytes of dynamic shared memory");
}

TEST_CASE("an access after the end of a shared array is diagnosed") {
  check_diagnosed(Fault::static_shared_out_of_bounds,
                  "writes 4 bytes at offset 20 of a shared array of 16 bytes");
}

TEST_CASE("a barrier that half of the block does not reach is diagnosed with what the threads wait for") {
  check_diagnosed(Fault::barrier_not_reached, "wait at __syncthreads, faults.cu:");
}

TEST_CASE("a collective that one lane does not reach is diagnosed") {
  check_diagnosed(Fault::collective_not_reached, "wait at __syncwarp, faults.cu:");
}

TEST_CASE("a barrier after some threads have ended is diagnosed") {
  check_diagnosed(Fault::ended_before_barrier, "have ended");
}

TEST_CASE("a misaligned vector is diagnosed") {
  check_diagnosed(Fault::misaligned, "not a multiple of 16");
}

TEST_CASE("a lane outside of its own mask is diagnosed") {
  check_diagnosed(Fault::lane_outside_mask, "is not in its own mask");
}

TEST_CASE("a launch that begins early and does not wait before it touches memory is diagnosed") {
  check_diagnosed(Fault::touched_before_waiting, "reads the device's memory before it waited");
  check_diagnosed(Fault::copied_before_waiting, "reads the device's memory before it waited");
  check_diagnosed(Fault::never_waited, "ends and has not waited for earlier launches");
}

TEST_CASE("memory of the host is not the device's") {
  const auto x = random_values<float>(128, 5);
  in_every_schedule([&] {
    const Outcome outcome = run(Fault::none, x.data());
    CHECK(outcome.status.message().find("not memory of the device") != std::string::npos);
  });
}

TEST_CASE("released memory is not read") {
  const float* stale;
  {
    const DeviceBuffer<float> gone(128);
    stale = gone.data();
  }
  in_every_schedule([&] {
    const Outcome outcome = run(Fault::none, stale);
    CHECK(outcome.status.message().find("released") != std::string::npos);
  });
}

TEST_CASE("a fault loses the device until it is reset") {
  TestStream stream;
  const DeviceBuffer<float> x(128), y(128);
  const Status launched = reverse_with_fault(stream, Fault::misaligned, x.data(), y.data());
  const Status first = launched.ok() ? device::synchronize() : launched;
  CHECK(first.code() == FUSOR_ERROR_DEVICE_LOST);
  CHECK(reverse_with_fault(stream, Fault::none, x.data(), y.data()).code() == FUSOR_ERROR_DEVICE_LOST);
  emulator::reset_device();
  REQUIRE_OK(reverse_with_fault(stream, Fault::none, x.data(), y.data()));
  REQUIRE_OK(device::synchronize());
}

// ---- Hopper
namespace {

Outcome run(HopperFault fault) {
  const auto x = random_values<bf16>(64 * 64, 6);
  const DeviceBuffer<bf16> dx(x), dy(x.size());
  Outcome outcome;
  {
    TestStream stream;
    const Status launched = multiply_with_fault(stream, fault, dx.data(), dy.data());
    outcome.status = launched.ok() ? device::synchronize() : launched;
    if (!outcome.status.ok()) emulator::reset_device();
  }
  if (outcome.status.ok()) {
    const std::vector<bf16> y = dy.read();
    outcome.right = std::memcmp(x.data(), y.data(), x.size() * sizeof(bf16)) == 0;
  }
  return outcome;
}

void check_diagnosed(HopperFault fault, const char* part_of_text) {
  in_every_schedule([&] {
    const Outcome outcome = run(fault);
    INFO(outcome.status.message());
    CHECK(outcome.status.code() == FUSOR_ERROR_DEVICE_LOST);
    CHECK(outcome.status.message().find(part_of_text) != std::string::npos);
  });
}

void check_wrong_result(HopperFault fault) {
  in_every_schedule([&] {
    const Outcome outcome = run(fault);
    REQUIRE_OK(outcome.status);
    CHECK(!outcome.right);
  });
}

}  // namespace

TEST_CASE("without a fault the Hopper kernel is right") {
  in_every_schedule([] {
    const Outcome outcome = run(HopperFault::none);
    REQUIRE_OK(outcome.status);
    CHECK(outcome.right);
  });
}

TEST_CASE("an mbarrier that nobody initialised is diagnosed") {
  check_diagnosed(HopperFault::barrier_not_initialised, "an mbarrier that nobody initialised");
}

TEST_CASE("more arrivals than an mbarrier's count are diagnosed") {
  check_diagnosed(HopperFault::too_many_arrivals, "more arrivals than its count of 1");
}

TEST_CASE("a load that nobody waits for gives a wrong result, where it does not land by chance") {
  for (const auto schedule : {emulator::Schedule::forward, emulator::Schedule::reverse}) {
    emulator::set_schedule(schedule);
    const Outcome outcome = run(HopperFault::missing_load_wait);
    REQUIRE_OK(outcome.status);
    CHECK(!outcome.right);
  }
  emulator::set_schedule(emulator::Schedule::forward);
}

TEST_CASE("a missing proxy fence is diagnosed with the thread that wrote") {
  check_diagnosed(HopperFault::missing_proxy_fence, "wrote without fence_async_shared() after it");
}

TEST_CASE("wgmma without its fence is diagnosed") {
  check_diagnosed(HopperFault::missing_product_fence, "without wgmma.fence");
}

TEST_CASE("a product that nobody waits for gives a wrong result") {
  check_wrong_result(HopperFault::missing_product_wait);
}

TEST_CASE("a thread that ends before its store has read is diagnosed") {
  check_diagnosed(HopperFault::missing_store_wait, "the thread ends while the copy engine may still read");
}
