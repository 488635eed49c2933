#include "platform/win32.h"

namespace fusor::platform {

std::wstring utf16(std::string_view text) {
  const int bytes = static_cast<int>(text.size());
  std::wstring wide(static_cast<size_t>(MultiByteToWideChar(CP_UTF8, 0, text.data(), bytes, nullptr, 0)), 0);
  MultiByteToWideChar(CP_UTF8, 0, text.data(), bytes, wide.data(), static_cast<int>(wide.size()));
  return wide;
}

std::string utf8(std::wstring_view wide) {
  const int units = static_cast<int>(wide.size());
  const int bytes = WideCharToMultiByte(CP_UTF8, 0, wide.data(), units, nullptr, 0, nullptr, nullptr);
  std::string text(static_cast<size_t>(bytes), 0);
  WideCharToMultiByte(CP_UTF8, 0, wide.data(), units, text.data(), bytes, nullptr, nullptr);
  return text;
}

std::string error_text(DWORD error) {
  wchar_t wide[512];
  const DWORD units = FormatMessageW(
      FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK, nullptr,
      error, 0, wide, static_cast<DWORD>(std::size(wide)), nullptr);
  std::string text = utf8({wide, units});
  while (!text.empty() && (text.back() == ' ' || text.back() == '.')) text.pop_back();
  return (text.empty() ? "error" : text) + " (" + std::to_string(error) + ")";
}

}  // namespace fusor::platform
