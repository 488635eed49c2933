// Where tensors live: one device of one backend, with its books. Devices are made by the engine and never go
// away.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "fusor/backend.h"
#include "tensor/failure.h"

namespace fusor {

struct Device {
  const fusor_backend* backend = nullptr;
  int32_t number = 0;  // in the C API
  int32_t index = 0;   // in its backend
  std::string id;      // "cpu", "cuda:0"
  bool host = false;   // its memory is the process's memory: no copies in or out
  // Set once, after `properties`. Until then those two are the registry's to write: see engine/devices.h.
  std::atomic<bool> available{false};
  std::atomic<fusor_status> found{FUSOR_OK};  // what asking for its properties came to
  std::string reason;                         // why it is not available
  fusor_device_properties properties{};

  std::atomic<int64_t> tensors{0};       // live storages
  std::atomic<int64_t> tensor_bytes{0};  // of memory they hold
  std::atomic<int64_t> plans{0};
  std::atomic<int64_t> plan_bytes{0};
};

// Throws what a backend's call came to, with its message.
inline void check(const Device& device, fusor_status status) {
  if (status == FUSOR_OK) return;
  const char* message = device.backend->last_error();
  fail(status, message != nullptr && *message != '\0' ? message : "the backend failed without saying why");
}

}  // namespace fusor
