// What went wrong, as a value: failed storages share one, and it travels from op to op to whoever reads the
// result.
#pragma once

#include <string>
#include <utility>

#include "fusor/types.h"
#include "tensor/ref.h"
#include "tensor/text.h"

namespace fusor {

class Failure final : public Counted {
 public:
  Failure(fusor_status status, std::string message) : status_(status), message_(std::move(message)) {}
  fusor_status status() const { return status_; }
  const std::string& message() const { return message_; }

 private:
  const fusor_status status_;
  const std::string message_;
};

// Thrown inside the engine, never across its borders: the C API turns it into a status, a stream into failed
// outputs.
struct Error {
  Ref<Failure> failure;

  explicit Error(Ref<Failure> known) : failure(std::move(known)) {}
  Error(fusor_status status, std::string message) : failure(make_ref<Failure>(status, std::move(message))) {}
};

template <class... Parts>
[[noreturn]] void fail(fusor_status status, const Parts&... parts) {
  throw Error(status, text(parts...));
}

}  // namespace fusor
