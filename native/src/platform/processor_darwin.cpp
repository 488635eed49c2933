#include <sys/sysctl.h>

#include "platform/processor.h"

namespace fusor::platform {

std::string processor_name() {
  char text[128] = {};
  size_t size = sizeof text - 1;
  return sysctlbyname("machdep.cpu.brand_string", text, &size, nullptr, 0) == 0 ? text : "";
}

std::string processor_model() {
  const std::string name = processor_name();
  return name.empty() ? "arm64" : name;
}

}  // namespace fusor::platform
