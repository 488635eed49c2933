// What a call came to: a code of types.h and, where it failed, a text that names the place.
#pragma once

#include <string>
#include <utility>

#include "fusor/types.h"

namespace fusor::cuda {

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(fusor_status code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == FUSOR_OK; }
  fusor_status code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  fusor_status code_ = FUSOR_OK;
  std::string message_;
};

}  // namespace fusor::cuda

#define FUSOR_RETURN_IF_ERROR(expression)                              \
  do {                                                                 \
    if (::fusor::cuda::Status status_ = (expression); !status_.ok()) { \
      return status_;                                                  \
    }                                                                  \
  } while (false)
