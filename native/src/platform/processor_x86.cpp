#include "platform/processor.h"

#include <cpuid.h>

#include <cstdio>
#include <cstring>

namespace fusor::platform {

// The brand string: 48 characters in three leaves.
std::string processor_name() {
  unsigned words[12] = {};
  if (static_cast<unsigned>(__get_cpuid_max(0x80000000, nullptr)) < 0x80000004) return "";
  for (unsigned i = 0; i < 3; ++i) {
    __get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
  }
  char text[sizeof words + 1] = {};
  std::memcpy(text, words, sizeof words);
  return text;
}

// Vendor, then family, model and stepping as they stand in the register.
std::string processor_model() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(0, &a, &b, &c, &d)) return "x86-64";
  char vendor[13] = {};
  std::memcpy(vendor, &b, 4), std::memcpy(vendor + 4, &d, 4), std::memcpy(vendor + 8, &c, 4);
  __get_cpuid(1, &a, &b, &c, &d);
  char text[64];
  std::snprintf(text, sizeof text, "%s %08x ", vendor, a);
  return text + processor_name();
}

}  // namespace fusor::platform
