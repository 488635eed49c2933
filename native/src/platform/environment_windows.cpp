#include "platform/environment.h"
#include "platform/win32.h"

namespace fusor::platform {

std::optional<std::string> environment_variable(const char* name) {
  const std::wstring wide_name = utf16(name);
  std::wstring value;
  // Gives the size that is needed, end included, or the length of what it wrote. Another thread may make the
  // value longer in between.
  for (;;) {
    SetLastError(ERROR_SUCCESS);
    const DWORD units =
        GetEnvironmentVariableW(wide_name.c_str(), value.data(), static_cast<DWORD>(value.size()));
    if (units == 0 && GetLastError() == ERROR_ENVVAR_NOT_FOUND) return std::nullopt;
    if (units <= value.size()) {
      value.resize(units);
      return utf8(value);
    }
    value.resize(units);
  }
}

}  // namespace fusor::platform
