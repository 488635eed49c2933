#include "runtime/staging.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

namespace fusor::cuda {

// Waking up from the driver's blocking wait takes some 30 µs: as much as a small network's run. Looking costs
// a core, so only for as long as such a run takes.
Status wait_for(DeviceEvent event) {
  constexpr std::chrono::microseconds looking{200};
  const auto until = std::chrono::steady_clock::now() + looking;
  do {
    bool done = false;
    FUSOR_RETURN_IF_ERROR(device::event_query(event, &done));
    if (done) return {};
    std::this_thread::yield();
  } while (std::chrono::steady_clock::now() < until);
  return device::event_synchronize(event);
}

Status StagingRing::create() {
  if (stream_ == nullptr) FUSOR_RETURN_IF_ERROR(device::stream_create(&stream_));
  while (pieces_.size() < kPieces) {
    Piece piece;
    FUSOR_RETURN_IF_ERROR(device::event_create(&piece.done, false));
    if (Status status = device::allocate_pinned(&piece.memory, kBytes); !status.ok()) {
      (void)device::event_destroy(piece.done);
      // Fewer pieces do as well; none does not.
      if (status.code() == FUSOR_ERROR_OUT_OF_MEMORY && !pieces_.empty()) break;
      return status;
    }
    pieces_.push_back(piece);
  }
  return {};
}

Status StagingRing::next(Piece** piece) {
  if (pieces_.empty()) FUSOR_RETURN_IF_ERROR(create());
  *piece = &pieces_[turn_];
  turn_ = (turn_ + 1) % pieces_.size();
  if ((*piece)->used) FUSOR_RETURN_IF_ERROR(wait_for((*piece)->done));
  (*piece)->used = true;
  return {};
}

Status UploadRing::copy(void* to, const void* host, int64_t bytes, DeviceStream compute, Markers& markers,
                        uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  StagingRing::Piece* piece = nullptr;
  for (int64_t done = 0; done < bytes; done += StagingRing::kBytes) {
    const int64_t part = std::min(StagingRing::kBytes, bytes - done);
    FUSOR_RETURN_IF_ERROR(ring_.next(&piece));
    if (done == 0) FUSOR_RETURN_IF_ERROR(markers.wait(ring_.stream(), ticket));
    std::memcpy(piece->memory, static_cast<const char*>(host) + done, static_cast<size_t>(part));
    FUSOR_RETURN_IF_ERROR(device::copy(static_cast<char*>(to) + done, piece->memory, part, ring_.stream()));
    FUSOR_RETURN_IF_ERROR(device::event_record(piece->done, ring_.stream()));
  }
  return piece == nullptr ? Status{} : device::stream_wait_event(compute, piece->done);
}

Status DownloadRing::copy(void* host, const void* from, int64_t bytes, Markers& markers) {
  if (bytes == 0) return {};
  const std::lock_guard lock(mutex_);
  struct Part {
    StagingRing::Piece* piece = nullptr;
    int64_t start = 0, bytes = 0;
  };
  // Always one transfer ahead of the processor's copy.
  const auto fetch = [&](Part& part, int64_t start) -> Status {
    part = {nullptr, start, std::min(StagingRing::kBytes, bytes - start)};
    FUSOR_RETURN_IF_ERROR(ring_.next(&part.piece));
    if (start == 0) FUSOR_RETURN_IF_ERROR(markers.wait(ring_.stream(), markers.issued()));
    FUSOR_RETURN_IF_ERROR(
        device::copy(part.piece->memory, static_cast<const char*>(from) + start, part.bytes, ring_.stream()));
    return device::event_record(part.piece->done, ring_.stream());
  };
  Part current, ahead;
  FUSOR_RETURN_IF_ERROR(fetch(ahead, 0));
  while (ahead.piece != nullptr) {
    current = ahead;
    ahead.piece = nullptr;
    const int64_t next = current.start + current.bytes;
    if (next < bytes) FUSOR_RETURN_IF_ERROR(fetch(ahead, next));
    FUSOR_RETURN_IF_ERROR(wait_for(current.piece->done));
    std::memcpy(static_cast<char*>(host) + current.start, current.piece->memory,
                static_cast<size_t>(current.bytes));
  }
  return {};
}

}  // namespace fusor::cuda
