// How far the compute stream has come: work is counted as it is issued, and events stand at some of the
// counts.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>

#include "arch/device_api.h"

namespace fusor::cuda {

class Markers {
 public:
  explicit Markers(DeviceStream compute) : compute_(compute) {}

  /** One more piece of work was given to the compute stream. */
  void count() { issued_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t issued() const { return issued_.load(std::memory_order_relaxed); }

  /** Puts an event behind everything issued so far. */
  Status mark();
  /** Makes `stream` wait until the first `ticket` pieces of work are done, and for as little else as is
   * known. */
  Status wait(DeviceStream stream, uint64_t ticket);

 private:
  struct Marker {
    uint64_t ticket;
    DeviceEvent event;
  };

  Status mark_locked();

  const DeviceStream compute_;
  std::atomic<uint64_t> issued_{0};
  std::mutex mutex_;
  std::deque<Marker> markers_;  // by rising ticket
};

}  // namespace fusor::cuda
