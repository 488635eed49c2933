#include "runtime/markers.h"

namespace fusor::cuda {
namespace {

// More than are useful: runs of a plan that lie between two uploads.
constexpr size_t kMost = 16;

}  // namespace

Status Markers::mark() {
  const std::lock_guard lock(mutex_);
  return mark_locked();
}

Status Markers::mark_locked() {
  const uint64_t ticket = issued();
  if (!markers_.empty() && markers_.back().ticket == ticket) return {};
  DeviceEvent event = nullptr;
  if (markers_.size() == kMost) {
    // An older event is replaced by a newer one: waiting for that one waits for more, which is right as well.
    event = markers_.front().event;
    markers_.pop_front();
  } else {
    FUSOR_RETURN_IF_ERROR(device::event_create(&event, false));
  }
  FUSOR_RETURN_IF_ERROR(device::event_record(event, compute_));
  markers_.push_back({ticket, event});
  return {};
}

Status Markers::wait(DeviceStream stream, uint64_t ticket) {
  if (ticket == 0) return {};
  const std::lock_guard lock(mutex_);
  if (markers_.empty() || markers_.back().ticket < ticket) FUSOR_RETURN_IF_ERROR(mark_locked());
  for (const Marker& marker : markers_) {
    if (marker.ticket >= ticket) return device::stream_wait_event(stream, marker.event);
  }
  return {};
}

}  // namespace fusor::cuda
