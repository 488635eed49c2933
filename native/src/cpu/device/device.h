// What the CPU device is called.
#pragma once

namespace fusor::cpu {

// "AMD EPYC 7B13 64-Core Processor"; "unknown processor" where nothing tells. Static memory.
const char* processor_name();

}  // namespace fusor::cpu
