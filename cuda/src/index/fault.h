// Indices that are out of range. Kernels find them while the host is past the call: they leave word in host
// memory that the device can write. Whoever issued such a kernel waits for it and looks there, so that it is
// this op or this plan that fails, and not whatever its device is asked for next (docs/decisions/0021).
#pragma once

#include <cstdint>

#include "arch/stream.h"

namespace fusor::cuda {

struct IndexFault {
  int64_t index, size;
  int32_t op, dim;  // fusor_op; the dimension picked from
  int32_t happened;
};

/** A place of one op or plan where kernels report. Made when first asked for. */
class IndexReport {
 public:
  IndexReport() = default;
  ~IndexReport();
  IndexReport(const IndexReport&) = delete;
  IndexReport& operator=(const IndexReport&) = delete;

  /** For a kernel that is about to be issued. */
  Status place(IndexFault** fault);
  /** Kernels with this place were issued, and nobody has taken what they had to say. */
  bool is_open() const { return open_; }
  /** FUSOR_ERROR_ARGUMENT if one of them met an index out of range; they are known to be done. */
  Status take();

 private:
  IndexFault* fault_ = nullptr;
  bool open_ = false;
};

}  // namespace fusor::cuda
