// How many threads can compute at once without getting into each other's way.
#pragma once

#include <string>
#include <vector>

namespace fusor::platform {

// Physical cores available to this process: the processors that its affinity allows, hyperthreads of one core
// counted once, and no more than the CPU quota of its cgroups, or of its job on Windows (rounded down: a team
// that outgrows the quota is stopped for the rest of every period, all threads waiting for the stopped one).
// At least 1.
int available_cores();

// The two halves on Linux, for tests: `root` stands for "/".
int count_physical_cores(const std::vector<int>& processors, const std::string& root);
// CPUs that the quota amounts to, 0 where there is none.
double cgroup_quota(const std::string& root);

}  // namespace fusor::platform
