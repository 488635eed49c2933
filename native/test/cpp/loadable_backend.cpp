// A library that exports a backend, for load_backend_test.
#include "fake_backend.h"

extern "C" __attribute__((visibility("default"))) const fusor_backend* fusor_backend_get(
    uint32_t abi_version) {
#ifdef FUSOR_TEST_BACKEND_VERSION_OFFSET
  // A backend of another version gives its struct all the same.
  (void)abi_version;
  static fusor_backend other = fake::backend();
  other.abi_version = FUSOR_BACKEND_ABI_VERSION + FUSOR_TEST_BACKEND_VERSION_OFFSET;
  return &other;
#else
  return abi_version == FUSOR_BACKEND_ABI_VERSION ? &fake::backend() : nullptr;
#endif
}
