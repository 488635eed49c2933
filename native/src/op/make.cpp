// Ops that make tensors from numbers.
#include <cmath>

#include "op/infer.h"
#include "tensor/dtype.h"

namespace fusor {

void infer_fill(Inference& call) {
  const auto& attributes = call.attributes<fusor_fill_attributes>();
  call.require_held(attributes.dtype, attributes.value);
  call.set_output(0, {attributes.dtype, Shape(std::span<const int64_t>(
                                            attributes.shape, static_cast<size_t>(attributes.rank)))});
}

void infer_arange(Inference& call) {
  const auto& attributes = call.attributes<fusor_arange_attributes>();
  if (attributes.count < 0)
    call.fail(FUSOR_ERROR_ARGUMENT, "count must be at least 0, got ", attributes.count);
  if (!std::isfinite(attributes.start) || !std::isfinite(attributes.step)) {
    call.fail(FUSOR_ERROR_ARGUMENT, "start and step must be finite numbers, got ", attributes.start, " and ",
              attributes.step);
  }
  if (attributes.count > 0) {
    const double last = attributes.start + static_cast<double>(attributes.count - 1) * attributes.step;
    if (!can_hold(attributes.dtype, attributes.start) || !can_hold(attributes.dtype, last)) {
      call.fail(FUSOR_ERROR_ARGUMENT, "the values ", attributes.start, " to ", last, " do not fit into ",
                dtype_name(attributes.dtype));
    }
  }
  call.set_output(0, {attributes.dtype, Shape{attributes.count}});
}

void infer_random(Inference& call) {
  const auto& attributes = call.attributes<fusor_random_attributes>();
  const float low = attributes.low, high = attributes.high;
  switch (attributes.distribution) {
    case FUSOR_RANDOM_UNIFORM:
      if (!std::isfinite(low) || !std::isfinite(high) || low > high) {
        call.fail(FUSOR_ERROR_ARGUMENT, "low and high must be finite and in order, got ", low, " and ", high);
      }
      break;
    case FUSOR_RANDOM_NORMAL:
      if (!std::isfinite(low) || !std::isfinite(high) || high < 0) {
        call.fail(FUSOR_ERROR_ARGUMENT,
                  "the mean must be finite and the standard deviation finite and at least 0, ", "got ", low,
                  " and ", high);
      }
      break;
    default:
      if (!(high >= 0 && high <= 1)) {
        call.fail(FUSOR_ERROR_ARGUMENT, "the probability must be 0 to 1, got ", high);
      }
  }
  call.set_output(
      0,
      {FUSOR_F32, Shape(std::span<const int64_t>(attributes.shape, static_cast<size_t>(attributes.rank)))});
}

}  // namespace fusor
