// The processor's name.
#pragma once

#include <string>

namespace fusor::platform {

// As people know it: "AMD EPYC 7B13 64-Core Processor"; "" where nothing tells.
std::string processor_name();

// What tells processors of unlike speed from each other, where the name does not: virtual machines have names
// such as "AMD EPYC".
std::string processor_model();

}  // namespace fusor::platform
