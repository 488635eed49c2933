// Where an asynchronous call reports, once.
#pragma once

#include "fusor/fusor.h"
#include "tensor/failure.h"

namespace fusor {

struct Callback {
  fusor_callback function = nullptr;  // null: nobody asks
  void* user_data = nullptr;

  explicit operator bool() const { return function != nullptr; }
  void succeed() const {
    if (function != nullptr) function(user_data, FUSOR_OK, "");
  }
  void fail(const Ref<Failure>& failure) const {
    if (function != nullptr) function(user_data, failure->status(), failure->message().c_str());
  }
};

}  // namespace fusor
