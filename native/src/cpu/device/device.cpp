#include "cpu/device/device.h"

#include <string>

#include "platform/processor.h"

namespace fusor::cpu {
namespace {

std::string trimmed(const std::string& text) {
  const char* const blanks = " \t\r\n";
  const size_t begin = text.find_first_not_of(blanks);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

const char* processor_name() {
  static const std::string* const name = [] {
    const std::string found = trimmed(platform::processor_name());
    return new std::string(found.empty() ? "unknown processor" : found);
  }();
  return name->c_str();
}

}  // namespace fusor::cpu
