// Backends in libraries of their own: found, refused with what to do, and listed as devices.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "engine_testing.h"

#include <thread>

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
  const std::string missing = refusal("/nowhere/libfusor_cuda.so");
  CHECK(missing.starts_with("backend /nowhere/libfusor_cuda.so could not be loaded: "));
  CHECK(missing.ends_with("; reinstall its package: npm install @fusor/cuda"));
  CHECK(refusal(NO_BACKEND) ==
        std::string(NO_BACKEND) + " is not a backend of fusor: it lacks fusor_backend_get");
  const auto other_version = [](const char* path, int32_t version) {
    return std::string("backend ") + path + " (for tests) has version " + std::to_string(version) +
           " of the backend interface, and @fusor/native " + fusor_version() + " uses version " +
           std::to_string(FUSOR_BACKEND_ABI_VERSION) + "; ";
  };
  CHECK(refusal(OLD_BACKEND) == other_version(OLD_BACKEND, FUSOR_BACKEND_ABI_VERSION - 1) +
                                    "upgrade it: npm install the backend's package@" + fusor_version());
  CHECK(refusal(NEW_BACKEND) == other_version(NEW_BACKEND, FUSOR_BACKEND_ABI_VERSION + 1) +
                                    "upgrade the engine: npm install @fusor/native@latest");
}

TEST_CASE("a library that is loaded twice gives its devices once") {
  const int32_t before = fusor_device_count();
  REQUIRE(fusor_backend_load(GOOD_BACKEND) == FUSOR_OK);
  const int32_t after = fusor_device_count();
  REQUIRE(fusor_backend_load(GOOD_BACKEND) == FUSOR_OK);
  CHECK(fusor_device_count() == after);
  CHECK(after - before <= 2);
  CHECK(fusor_backend_load("/nowhere/libfusor_cuda.so") == FUSOR_ERROR_DEVICE);
  CHECK(fusor_backend_load(nullptr) == FUSOR_ERROR_ARGUMENT);
}

TEST_CASE("the last error is the thread's own, whole up to 4 KB, and ends where the thread does") {
  const auto message_of = [](size_t length) {
    std::string message;
    std::thread([&] {
      CHECK(std::string(fusor_last_error()).empty());
      CHECK(fusor_backend_load(("/" + std::string(length, 'x') + "/libfusor_cuda.so").c_str()) ==
            FUSOR_ERROR_DEVICE);
      message = fusor_last_error();
    }).join();
    return message;
  };
  CHECK(fusor_backend_load(nullptr) == FUSOR_ERROR_ARGUMENT);
  const std::string mine = fusor_last_error();
  CHECK(message_of(1000).ends_with("; reinstall its package: npm install @fusor/cuda"));
  const std::string cut = message_of(5000);
  CHECK(cut.size() == 4095);
  CHECK(cut.starts_with("backend /xxx"));
  CHECK(cut.ends_with("xxx..."));
  CHECK(fusor_last_error() == mine);
}

TEST_CASE("a backend's store of memory is shown, emptied and bounded") {
  static const fusor_backend instance = fake::backend();
  const int32_t number = fusor_device_count();
  fusor::add_backend(&instance);
  fake::state().cached_bytes = 1000;
  fusor_memory_info info{};
  info.struct_size = sizeof info;
  REQUIRE(fusor_memory_get(number, &info) == FUSOR_OK);
  CHECK(info.reserved_bytes == fake::state().live_bytes + 1000);
  REQUIRE(fusor_memory_empty_cache(number) == FUSOR_OK);
  REQUIRE(fusor_memory_limit(number, 5000) == FUSOR_OK);
  REQUIRE(fusor_memory_get(number, &info) == FUSOR_OK);
  CHECK(info.reserved_bytes == fake::state().live_bytes);
  CHECK(info.limit_bytes == 5000);
  CHECK(fusor_memory_limit(number, -1) == FUSOR_ERROR_ARGUMENT);
  // The CPU keeps none, and has no bound to set.
  CHECK(fusor_memory_empty_cache(0) == FUSOR_OK);
  CHECK(fusor_memory_limit(0, 1) == FUSOR_ERROR_UNSUPPORTED);
}

TEST_CASE("a device that is lost later is listed as such") {
  static fusor_backend fragile = fake::backend();
  static bool lost = false;
  fragile.device_properties = [](int32_t device, fusor_device_properties* properties) {
    if (lost) return fake::fail(FUSOR_ERROR_DEVICE_LOST, "lost for good");
    return fake::device_properties(device, properties);
  };
  const int32_t number = fusor_device_count();
  fusor::add_backend(&fragile);
  fusor_device_info info{};
  info.struct_size = sizeof info;
  REQUIRE(fusor_device_get(number, &info) == FUSOR_OK);
  CHECK(info.available == 1);
  lost = true;
  REQUIRE(fusor_device_get(number, &info) == FUSOR_OK);
  CHECK(info.available == 0);
  CHECK(std::string(info.reason) == "lost for good");
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
