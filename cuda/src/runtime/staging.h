// Copies between pageable host memory and the device, through page-locked memory, on streams of their own:
// the GPU computes meanwhile. Each ring is created when it is first needed.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "arch/device_api.h"
#include "runtime/markers.h"

namespace fusor::cuda {

/** Page-locked pieces, used in turn, each with an event behind its last transfer. */
class StagingRing {
 public:
  // 4 MiB take 80 to 160 µs over PCIe 5 or 4, against some 10 µs to start a copy; and the processor copies
  // into one piece while another is on its way.
  static constexpr int64_t kBytes = int64_t{4} << 20;
  static constexpr size_t kPieces = 4;

  struct Piece {
    void* memory = nullptr;
    DeviceEvent done = nullptr;
    bool used = false;
  };

  Status create();
  /** The piece used longest ago, free again. */
  Status next(Piece** piece);
  DeviceStream stream() const { return stream_; }

 private:
  DeviceStream stream_ = nullptr;
  std::vector<Piece> pieces_;
  size_t turn_ = 0;
};

class UploadRing {
 public:
  /** `compute` waits for the transfer; the transfer waits for work up to `ticket`. `host` was read on return.
   */
  Status copy(void* to, const void* host, int64_t bytes, DeviceStream compute, Markers& markers,
              uint64_t ticket);

 private:
  std::mutex mutex_;
  StagingRing ring_;
};

class DownloadRing {
 public:
  /** Of what the compute stream has made by now. The bytes are at `host` on return. */
  Status copy(void* host, const void* from, int64_t bytes, Markers& markers);

 private:
  std::mutex mutex_;
  StagingRing ring_;
};

/** Waits for an event: looks for as long as short plans take, then sleeps. */
Status wait_for(DeviceEvent event);

}  // namespace fusor::cuda
