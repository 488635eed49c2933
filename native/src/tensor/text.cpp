#include "tensor/text.h"

#include <cstdio>

namespace fusor {

void append_text(std::string& to, double number) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.9g", number);
  to += digits;
}

}  // namespace fusor
