// One GPU as this process uses it: its streams, its memory, and whether it still works. Devices are made when
// the backend is first asked for them and stay until the process has ended.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "arch/device_api.h"
#include "arch/last_launch.h"
#include "runtime/allocator.h"
#include "runtime/markers.h"
#include "runtime/staging.h"

namespace fusor::cuda {

class Device {
 public:
  /** Nothing is created on the GPU before start(). */
  explicit Device(int index);

  int index() const { return index_; }
  const DeviceProperties& properties() const { return properties_; }
  /** What its kernels were built for: "sm_90a", "sm_80". */
  const char* instruction_set() const { return instruction_set_.c_str(); }

  /** Why it cannot be used: it is lost, or too old. Ok otherwise. */
  Status usable() const;
  /** Makes this thread's calls be about this device, once usable. Everything that talks to it begins so. */
  Status enter();
  /** Looks at what a call came to: a sticky failure marks the device. Gives the status, with the last step
   * issued. */
  Status check(Status status);

  Stream& compute() { return compute_; }
  /** A step of work was given to the compute stream. */
  void issued(const char* what);
  const Markers& markers() const { return *markers_; }

  Status allocate(int64_t bytes, void** pointer) { return allocator_->allocate(bytes, pointer); }
  void release(void* pointer) { allocator_->release(pointer, markers_->issued()); }
  Allocator& allocator() { return *allocator_; }

  Status copy_to_device(void* to, const void* host, int64_t bytes);
  Status copy_to_host(void* host, const void* from, int64_t bytes);
  /** Waits for everything issued so far, by `event`, which nobody else uses meanwhile. */
  Status synchronize(DeviceEvent event);

  /** Puts a marker behind what was issued: uploads to memory that was free before need wait no further. */
  Status mark() { return markers_->mark(); }

 private:
  Status start();

  const int index_;
  std::string name_;
  DeviceProperties properties_;
  std::string instruction_set_;
  Status unusable_;  // for good, from the start
  std::unique_ptr<Allocator> allocator_;

  std::once_flag started_;
  Status start_status_;
  Stream compute_;
  std::unique_ptr<Markers> markers_;
  std::unique_ptr<UploadRing> uploads_;
  std::unique_ptr<DownloadRing> downloads_;

  std::atomic<bool> lost_{false};
  mutable std::mutex mutex_;  // guards the texts
  std::string last_issued_;
  Launched last_launch_;  // the last kernel of that work, if it had one
  std::string lost_reason_;
};

/** How many devices there are; 0 with the reason why. Asked of the driver once. */
int device_count(std::string* reason);
/** FUSOR_ERROR_DEVICE if there is no such device. */
Status find_device(int index, Device** device);

}  // namespace fusor::cuda
