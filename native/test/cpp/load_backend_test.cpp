// Backends in libraries of their own: found, refused with what to do, and listed as devices.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine_testing.h"

using namespace testing;

namespace {

std::string refusal(const std::string& path) {
  try {
    fusor::load_backend(path);
    return "";
  } catch (const fusor::Error& error) {
    CHECK(error.failure->status() == FUSOR_ERROR_DEVICE);
    return error.failure->message();
  }
}

}  // namespace

TEST_CASE("a backend is loaded and its devices follow those that are there") {
  const int32_t first = fusor_device_count();
  CHECK(first >= 1);
  fusor::add_backend(fusor::load_backend(GOOD_BACKEND));
  REQUIRE(fusor_device_count() == first + 2);
  fusor_device_info info{};
  info.struct_size = sizeof info;
  REQUIRE(fusor_device_get(first + 1, &info) == FUSOR_OK);
  CHECK(std::string(info.id) == "fake:1");
  CHECK(std::string(info.kind) == "fake");
  CHECK(info.available == 1);
  REQUIRE(fusor_device_get(0, &info) == FUSOR_OK);
  CHECK(std::string(info.id) == "cpu");

  const EnvironmentHandle environment = make_environment();
  const TensorHandle x = make_tensor(environment.get(), {2}, {1, 2}, first);
  CHECK(read(environment.get(), *neg(environment.get(), x.get())) == std::vector<float>{-1, -2});
}

TEST_CASE("what cannot be loaded says why") {
  CHECK(refusal("/nowhere/libfusor_cuda.so")
            .starts_with("backend /nowhere/libfusor_cuda.so could not be loaded: "));
  CHECK(refusal(NO_BACKEND) ==
        std::string(NO_BACKEND) + " is not a backend of fusor: it lacks fusor_backend_get");
  CHECK(refusal(OLD_BACKEND) ==
        std::string("backend ") + OLD_BACKEND + " (for tests) does not serve backend interface 1 of fusor " +
            fusor_version() + "; install its package in the same version as @fusor/native");
}

TEST_CASE("a backend without devices is listed with its reason") {
  static fusor_backend none = fake::backend();
  none.kind = "none";
  none.device_count = [](const char** reason) {
    *reason = "no driver";
    return int32_t{0};
  };
  const int32_t number = fusor_device_count();
  fusor::add_backend(&none);
  fusor_device_info info{};
  info.struct_size = sizeof info;
  REQUIRE(fusor_device_get(number, &info) == FUSOR_OK);
  CHECK(info.available == 0);
  CHECK(std::string(info.id) == "none");
  CHECK(std::string(info.reason) == "no driver");
  const EnvironmentHandle environment = make_environment();
  const OpResult refused = fill(environment.get(), {2}, 1, number);
  CHECK(refused.status == FUSOR_ERROR_DEVICE);
  CHECK(refused.message == "device none cannot be used: no driver");
}
