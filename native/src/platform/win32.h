// What the files of Windows have in common. Texts are UTF-8 in the engine and UTF-16 in the system.
#pragma once

#define WIN32_LEAN_AND_MEAN
#ifndef NOMINMAX  // MinGW's C++ library sets it, too
#define NOMINMAX
#endif
#include <windows.h>

#include <string>
#include <string_view>

namespace fusor::platform {

std::wstring utf16(std::string_view text);
std::string utf8(std::wstring_view text);

// The system's text for one of its error numbers, in one line: "The specified module could not be found
// (126)".
std::string error_text(DWORD error);

// A function that older systems lack, or null.
template <class Function>
Function find_function(const wchar_t* module, const char* name) {
  const HMODULE handle = GetModuleHandleW(module);
  return handle ? reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(handle, name))) : nullptr;
}

}  // namespace fusor::platform
