// Linux on arm64, which has no brand string.
#include <cstdio>
#include <cstring>
#include <fstream>

#include "platform/processor.h"

namespace fusor::platform {

// Some kernels print a model name.
std::string processor_name() {
  std::string name;
  if (FILE* file = std::fopen("/proc/cpuinfo", "re")) {
    char line[256];
    while (name.empty() && std::fgets(line, sizeof line, file)) {
      const char* colon = std::strchr(line, ':');
      if (colon && std::strncmp(line, "model name", 10) == 0) name = colon + 1;
    }
    std::fclose(file);
  }
  return name.empty() ? "arm64 processor" : name;
}

// The first processor's implementer and part, which is the model.
std::string processor_model() {
  std::ifstream file("/proc/cpuinfo");
  std::string name = "arm64", line;
  while (std::getline(file, line) && !line.empty())
    for (const char* key : {"CPU implementer", "CPU variant", "CPU part"})
      if (line.rfind(key, 0) == 0 && line.find(':') != std::string::npos)
        name += line.substr(line.find(':') + 1);
  return name;
}

}  // namespace fusor::platform
