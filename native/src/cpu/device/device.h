// What the CPU device is called and what it has.
#pragma once

#include <cstdint>

namespace fusor::cpu {

// "AMD EPYC 7B13 64-Core Processor"; "unknown processor" where nothing tells. Static memory.
const char* processor_name();
// Physical memory in bytes; 0 if unknown.
int64_t physical_memory();

}  // namespace fusor::cpu
