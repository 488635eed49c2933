// A device that a kernel takes along: what is reported, and that it stays so.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "runtime/device.h"

#include "faults.h"
#include "testing.h"

using namespace fusor::cuda;
using namespace fusor::cuda::testing;

namespace {

bool tells(const Status& status, const char* part) {
  return status.message().find(part) != std::string::npos;
}

}  // namespace

// Last of all: it is lost for the process.
TEST_CASE("a sticky error names the fault, the work and the kernel's place, and the device is lost") {
  Device* device = nullptr;
  REQUIRE_OK(find_device(0, &device));
  REQUIRE_OK(device->enter());
  DeviceEvent event = nullptr;
  REQUIRE_OK(device::event_create(&event, false));
  void *x = nullptr, *y = nullptr;
  REQUIRE_OK(device->allocate(512, &x));
  REQUIRE_OK(device->allocate(512, &y));
  REQUIRE_OK(device::fill(x, 0, 512, device->compute().handle));
  const auto reverse = [&](Fault fault) {
    const Status status = device->check(
        reverse_with_fault(device->compute(), fault, static_cast<const float*>(x), static_cast<float*>(y)));
    device->issued("reversing");
    return status;
  };
  REQUIRE_OK(reverse(Fault::none));
  REQUIRE_OK(device->synchronize(event));
  REQUIRE_OK(device->usable());

  (void)reverse(Fault::misaligned);
  const Status failed = device->synchronize(event);
  INFO(failed.message());
  CHECK(failed.code() == FUSOR_ERROR_DEVICE_LOST);
  CHECK(tells(failed, "cuda-emulated:0 is lost: "));
  CHECK(tells(failed, "not a multiple of 16"));
  CHECK(tells(failed, "the last work given to it was reversing; the last kernel launched was faults.cu:"));
  CHECK(tells(failed, "start a new process"));

  emulator::reset_device();  // the card would work again; this process does not touch it any more
  CHECK(device->usable().message() == failed.message());
  CHECK(device->enter().code() == FUSOR_ERROR_DEVICE_LOST);
  (void)device::event_destroy(event);
}
