#include "platform/library.h"
#include "platform/win32.h"

namespace fusor::platform {
namespace {

std::wstring full_path(const std::wstring& path) {
  std::wstring full(GetFullPathNameW(path.c_str(), 0, nullptr, nullptr), 0);  // its end included
  full.resize(GetFullPathNameW(path.c_str(), static_cast<DWORD>(full.size()), full.data(), nullptr));
  return full;
}

}  // namespace

// What the library needs itself is looked for beside it and where the system keeps its own, never in the
// current directory.
void* open_library(const std::string& path, std::string& reason) {
  const std::wstring wide = utf16(path);
  const bool is_path = path.find_first_of("/\\") != std::string::npos;
  const HMODULE library =
      is_path ? LoadLibraryExW(full_path(wide).c_str(), nullptr,
                               LOAD_LIBRARY_SEARCH_DEFAULT_DIRS | LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR)
              : LoadLibraryExW(wide.c_str(), nullptr, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
  if (!library) reason = error_text(GetLastError());
  return library;
}

void* find_symbol(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}

}  // namespace fusor::platform
