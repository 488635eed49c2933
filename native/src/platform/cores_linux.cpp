#include "platform/cores.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace fusor::platform {
namespace {

// The whole of a small file, "" if it cannot be read.
std::string read_file(const std::string& path) {
  std::string text;
  if (FILE* file = std::fopen(path.c_str(), "re")) {
    char part[4096];
    size_t count;
    while ((count = std::fread(part, 1, sizeof part, file)) > 0) text.append(part, count);
    std::fclose(file);
  }
  return text;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  while (start <= text.size()) {
    const size_t end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

bool contains(const std::vector<std::string>& list, const char* item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// Where the cgroup hierarchy that limits CPU time is mounted, and this process's place in it.
struct CgroupPlace {
  std::string mount;  // directory
  std::string path;   // below it, "" or "/a/b"
};

// A line of /proc/self/mountinfo: id parent major:minor root mount-point options [tags] - type source
// super-options. A line of /proc/self/cgroup: id:controllers:path; version 2 has the line "0::path". In a
// container `path` may be the host's, of which `root` is mounted here: then it is cut off.
std::vector<CgroupPlace> cgroup_places(const std::string& root, bool version2) {
  std::string path;
  bool found = false;
  for (const std::string& line : split(read_file(root + "/proc/self/cgroup"), '\n')) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version2 ? controllers.empty() : contains(split(controllers, ','), "cpu")) {
      path = line.substr(second + 1);
      found = true;
    }
  }
  std::vector<CgroupPlace> places;
  if (!found) return places;
  for (const std::string& line : split(read_file(root + "/proc/self/mountinfo"), '\n')) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const std::vector<std::string> left = split(line.substr(0, dash), ' ');
    const std::vector<std::string> right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    if (right[0] != (version2 ? "cgroup2" : "cgroup")) continue;
    if (!version2 && !contains(split(right[2], ','), "cpu")) continue;
    const std::string& mounted = left[3];
    CgroupPlace place{root + left[4], path};
    if (mounted != "/" && path.compare(0, mounted.size(), mounted) == 0)
      place.path = path.substr(mounted.size());
    if (place.path == "/") place.path.clear();
    places.push_back(place);
  }
  return places;
}

// "max 100000" or "150000 100000" (microseconds of CPU time per period).
double quota_version2(const std::string& directory) {
  double quota = 0, period = 0;
  if (std::sscanf(read_file(directory + "/cpu.max").c_str(), "%lf %lf", &quota, &period) != 2) return 0;
  return quota > 0 && period > 0 ? quota / period : 0;
}

double quota_version1(const std::string& directory) {
  const double quota = std::atof(read_file(directory + "/cpu.cfs_quota_us").c_str());
  const double period = std::atof(read_file(directory + "/cpu.cfs_period_us").c_str());
  return quota > 0 && period > 0 ? quota / period : 0;
}

}  // namespace

int count_physical_cores(const std::vector<int>& processors, const std::string& root) {
  // The list of a core's hyperthreads names the core; processors without one are cores of their own.
  std::vector<std::string> cores;
  for (const int processor : processors) {
    const std::string topology =
        root + "/sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/";
    std::string siblings = read_file(topology + "thread_siblings_list");
    if (siblings.empty()) siblings = std::to_string(processor);
    while (!siblings.empty() && siblings.back() == '\n') siblings.pop_back();
    if (std::find(cores.begin(), cores.end(), siblings) == cores.end()) cores.push_back(siblings);
  }
  return std::max<int>(1, static_cast<int>(cores.size()));
}

double cgroup_quota(const std::string& root) {
  double least = 0;
  for (const bool version2 : {true, false}) {
    for (const CgroupPlace& place : cgroup_places(root, version2)) {
      // Every cgroup up to the root of the mount may set a limit.
      std::string path = place.path;
      for (;;) {
        const std::string directory = place.mount + path;
        const double quota = version2 ? quota_version2(directory) : quota_version1(directory);
        if (quota > 0 && (least == 0 || quota < least)) least = quota;
        if (path.empty()) break;
        const size_t slash = path.rfind('/');
        path.resize(slash == std::string::npos ? 0 : slash);
      }
    }
  }
  return least;
}

int available_cores() {
  // The kernel refuses sets smaller than its own, so they grow until it accepts one.
  std::vector<int> processors;
  for (int capacity = 1024; capacity <= (1 << 20); capacity *= 4) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    if (!set) break;
    const size_t bytes = CPU_ALLOC_SIZE(capacity);
    const bool accepted = sched_getaffinity(0, bytes, set) == 0;
    for (int i = 0; accepted && i < capacity; ++i) {
      if (CPU_ISSET_S(i, bytes, set)) processors.push_back(i);
    }
    CPU_FREE(set);
    if (accepted) break;
  }
  if (processors.empty()) {
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) processors.push_back(i);
  }
  const int cores = count_physical_cores(processors, "");
  const double quota = cgroup_quota("");
  return quota > 0 ? std::clamp(static_cast<int>(quota), 1, cores) : cores;
}

}  // namespace fusor::platform
