// A library that exports a backend, for load_backend_test.
#include "fake_backend.h"

extern "C" __attribute__((visibility("default"))) const fusor_backend* fusor_backend_get(
    uint32_t abi_version) {
#ifdef FUSOR_TEST_OLD_BACKEND
  // Serves any engine with the interface of another version, as a backend without that check would.
  static fusor_backend other = fake::backend();
  other.abi_version = abi_version + 1;
  return &other;
#else
  return abi_version == FUSOR_BACKEND_ABI_VERSION ? &fake::backend() : nullptr;
#endif
}
