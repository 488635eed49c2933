// What every function of the C API does around its work: no exception leaves, failures leave their text
// behind, structs of other versions are met half way.
#pragma once

#include <new>

#include "fusor/fusor.h"
#include "tensor/arguments.h"
#include "tensor/failure.h"

namespace fusor::api {

// Sets the calling thread's last error.
fusor_status failed(Ref<Failure> failure) noexcept;
fusor_status failed(fusor_status status, const char* static_text) noexcept;

template <class Work>
fusor_status guarded(Work&& work) noexcept {
  try {
    work();
    return FUSOR_OK;
  } catch (const Error& error) {
    return failed(error.failure);
  } catch (const std::bad_alloc&) {
    return failed(FUSOR_ERROR_OUT_OF_MEMORY, "out of host memory");
  } catch (...) {
    return failed(FUSOR_ERROR_INTERNAL, "an exception of an unknown kind");
  }
}

}  // namespace fusor::api
