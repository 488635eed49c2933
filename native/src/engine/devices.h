// All devices of the process: those of the CPU backend, which is linked in, and those of backends added
// later. Numbers never change, and entries never go away.
#pragma once

#include <cstdint>
#include <string>

#include "fusor/backend.h"
#include "tensor/device.h"

namespace fusor {

int32_t device_count();
// Throws FUSOR_ERROR_DEVICE if there is no such device.
Device& device_at(int32_t number);
// The same, and also if it cannot be used, with the reason. A device that had no memory when it was first
// asked about itself is asked again: memory comes back.
Device& usable_device(int32_t number);

// Why it cannot be used, after asking again as above; "" if it can.
std::string why_unusable(Device& device);

// Appends the devices of a backend; it must live as long as the process. A backend without devices gets one
// entry, which says why.
void add_backend(const fusor_backend* backend);

// Opens a backend's library and asks it for this version's struct. Throws FUSOR_ERROR_DEVICE with what to do
// about it.
const fusor_backend* load_backend(const std::string& path);

// Both, unless the library is there already.
void load_and_add_backend(const std::string& path);

}  // namespace fusor
