// The cores that Linux lets a process use, told from files that stand for /sys and /proc.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "platform/cores.h"
#include "system.h"

using namespace fusor::platform;

namespace {

struct FakeRoot : fusor::testing::Directory {
  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path full = path + file;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
};

}  // namespace

TEST_CASE("hyperthreads of one core count once, and only allowed processors count") {
  const FakeRoot root;
  for (int i = 0; i < 4; ++i) {
    const std::string siblings = std::to_string(i) + "," + std::to_string(i + 4) + "\n";
    for (const int processor : {i, i + 4}) {
      root.write("/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/thread_siblings_list",
                 siblings);
    }
  }
  CHECK(count_physical_cores({0, 1, 2, 3, 4, 5, 6, 7}, root.path) == 4);
  CHECK(count_physical_cores({0, 4}, root.path) == 1);
  CHECK(count_physical_cores({1, 2, 6}, root.path) == 2);
  CHECK(count_physical_cores({8, 9}, root.path) == 2);  // nothing is known of these
  CHECK(count_physical_cores({}, root.path) == 1);
}

TEST_CASE("the least CPU quota of all enclosing cgroups counts, in both versions") {
  {
    const FakeRoot root;
    CHECK(cgroup_quota(root.path) == 0);
    root.write("/proc/self/cgroup", "0::/a/b\n");
    root.write("/proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n");
    CHECK(cgroup_quota(root.path) == 0);
    root.write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    CHECK(cgroup_quota(root.path) == 0);
    root.write("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    CHECK(cgroup_quota(root.path) == 2.5);
    root.write("/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
    CHECK(cgroup_quota(root.path) == 1.5);
  }
  {
    // A container with version 1: the host's path, of which a part is mounted.
    const FakeRoot root;
    root.write("/proc/self/cgroup", "5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\n");
    root.write(
        "/proc/self/mountinfo",
        "40 24 0:30 /docker/x /sys/fs/cgroup/cpu,cpuacct ro shared:9 - cgroup cgroup rw,cpu,cpuacct\n");
    root.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    root.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    CHECK(cgroup_quota(root.path) == 0);
    root.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n");
    CHECK(cgroup_quota(root.path) == 3);
  }
}
