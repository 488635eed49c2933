#include "op/window.h"

#include <span>

namespace fusor {

int64_t Window::outputs() const {
  return fits() ? (padded() - extent()) / stride + 1 : 0;
}

int64_t Window::outputs_ceil() const {
  // torch.nn.functional.max_pool2d: ceil instead of floor, less the window that would start past the input.
  // Rounded towards minus infinity, so that a window that does not fit by less than a stride counts as one
  // that hangs over.
  const int64_t room = padded() - extent() + stride - 1;
  if (room < 0) return 0;
  const int64_t count = room / stride + 1;
  return (count - 1) * stride >= input + before ? count - 1 : count;
}

void require_pair(const Inference& call, const char* name, const int32_t* values, int32_t least) {
  if (values[0] >= least && values[1] >= least) return;
  call.fail(FUSOR_ERROR_ARGUMENT, name, " must be at least ", least, ", got ",
            list_text(std::span<const int32_t>(values, 2)));
}

void require_padding(const Inference& call, const int32_t* padding) {
  for (int i = 0; i < 4; ++i) {
    if (padding[i] < 0) {
      call.fail(FUSOR_ERROR_ARGUMENT, "padding must be at least 0, got ",
                list_text(std::span<const int32_t>(padding, 4)), " (top, bottom, left, right)");
    }
  }
}

}  // namespace fusor
