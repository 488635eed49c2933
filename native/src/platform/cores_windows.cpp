#include <algorithm>
#include <cstddef>
#include <thread>
#include <vector>

#include "platform/cores.h"
#include "platform/win32.h"

namespace fusor::platform {
namespace {

// Whether this process may use processors of `mask` in `group`. Its affinity speaks of one group only; a
// process that is spread over several, as Windows 11 has it by default, may use all of theirs.
class Affinity {
 public:
  Affinity() {
    USHORT count = static_cast<USHORT>(std::size(groups_));
    const HANDLE process = GetCurrentProcess();
    if (GetProcessGroupAffinity(process, &count, groups_)) count_ = count;
    DWORD_PTR machine = 0;
    if (!GetProcessAffinityMask(process, &mask_, &machine)) mask_ = 0;
  }

  bool allows(const GROUP_AFFINITY& processors) const {
    if (count_ == 0) return mask_ == 0 || (processors.Mask & mask_) != 0;
    const bool is_in_group = std::find(groups_, groups_ + count_, processors.Group) != groups_ + count_;
    return is_in_group && (count_ > 1 || mask_ == 0 || (processors.Mask & mask_) != 0);
  }

 private:
  USHORT groups_[64] = {};
  USHORT count_ = 0;
  DWORD_PTR mask_ = 0;
};

int physical_cores() {
  DWORD bytes = 0;
  GetLogicalProcessorInformationEx(RelationProcessorCore, nullptr, &bytes);
  std::vector<std::byte> room(bytes);
  const auto first = [&] { return reinterpret_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX*>(room.data()); };
  if (bytes == 0 || !GetLogicalProcessorInformationEx(RelationProcessorCore, first(), &bytes)) return 0;
  const Affinity affinity;
  int cores = 0;
  for (DWORD at = 0; at < bytes;) {
    const auto* entry = reinterpret_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX*>(room.data() + at);
    if (affinity.allows(entry->Processor.GroupMask[0])) ++cores;  // a core lies in one group
    at += entry->Size;
  }
  return cores;
}

// What containers limit: a job's share of the machine's processor time, in hundredths of a percent. 0 where
// there is no limit, or none that is hard.
double job_quota() {
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate{};
  if (!QueryInformationJobObject(nullptr, JobObjectCpuRateControlInformation, &rate, sizeof rate, nullptr))
    return 0;
  constexpr DWORD kHard = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP;
  if ((rate.ControlFlags & kHard) != kHard) return 0;
  return rate.CpuRate / 10000.0 * GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
}

}  // namespace

int available_cores() {
  int cores = physical_cores();
  if (cores == 0) cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const double quota = job_quota();
  return quota > 0 ? std::clamp(static_cast<int>(quota), 1, cores) : cores;
}

}  // namespace fusor::platform
