#include <sys/sysctl.h>

#include <algorithm>
#include <thread>

#include "platform/cores.h"

namespace fusor::platform {

int available_cores() {
  int cores = 0;
  size_t bytes = sizeof cores;
  if (sysctlbyname("hw.physicalcpu", &cores, &bytes, nullptr, 0) == 0 && cores > 0) return cores;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace fusor::platform
