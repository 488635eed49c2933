#include "cpu/device/device.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace fusor::cpu {
namespace {

#if defined(__x86_64__)
// The brand string: 48 characters in three leaves.
std::string brand() {
  unsigned words[12] = {};
  if (__get_cpuid_max(0x80000000, nullptr) < 0x80000004) return "";
  for (unsigned i = 0; i < 3; ++i) {
    __get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
  }
  char text[sizeof words + 1] = {};
  std::memcpy(text, words, sizeof words);
  return text;
}
#elif defined(__APPLE__)
std::string brand() {
  char text[128] = {};
  size_t size = sizeof text - 1;
  return sysctlbyname("machdep.cpu.brand_string", text, &size, nullptr, 0) == 0 ? text : "";
}
#else
// arm64 has no brand string; some kernels print a model name.
std::string brand() {
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
#endif

std::string trimmed(const std::string& text) {
  const char* const blanks = " \t\r\n";
  const size_t begin = text.find_first_not_of(blanks);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

const char* processor_name() {
  static const std::string* const name = [] {
    const std::string found = trimmed(brand());
    return new std::string(found.empty() ? "unknown processor" : found);
  }();
  return name->c_str();
}

int64_t physical_memory() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && bytes > 0 ? pages * bytes : 0;
}

}  // namespace fusor::cpu
