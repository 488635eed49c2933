// Messages: text("conv2d: input has ", 3, " channels") -> std::string. Not streams: they pull locales in.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace fusor {

inline void append_text(std::string& to, std::string_view part) {
  to += part;
}
template <std::integral T>
void append_text(std::string& to, T number) {
  to += std::to_string(number);
}
// The shortest of the usual notations: 0.5, 1e-05, 3.
void append_text(std::string& to, double number);

template <class... Parts>
std::string text(const Parts&... parts) {
  std::string result;
  (append_text(result, parts), ...);
  return result;
}

}  // namespace fusor
