// The file of measured winners where the system has no room for it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#include <sys/mount.h>
#endif

#include <csignal>
#include <filesystem>
#include <fstream>
#include <vector>

#include "cpu/plan/tune.h"
#include "cpu/plan/tuning_cache.h"
#include "system.h"
#include "tuned_convolution.h"

using namespace fusor::cpu;
using fusor::testing::Directory;
using fusor::testing::tuned;
namespace fs = std::filesystem;

// The exit status of `work` in a child, whose limits and mounts are its own.
template <class Work>
int in_child(Work&& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

TEST_CASE("where the file can only be written in part, the old one stays and nothing else does") {
  const Directory directory;
  const std::string file = directory.path + "/tuning";
  REQUIRE(write_tuning_cache(file, {tuned(64, "direct")}));
  const int status = in_child([&] {
    signal(SIGXFSZ, SIG_IGN);  // then writing past the limit fails, as on a full disk
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 100;
    setrlimit(RLIMIT_FSIZE, &limit);
    return write_tuning_cache(file, {tuned(65, "direct")}) ? 1 : 0;
  });
  CHECK(status == 0);
  REQUIRE(read_tuning_cache(file).size() == 1);
  CHECK(read_tuning_cache(file)[0].is_for(tuned(64, "")));
  CHECK(std::distance(fs::directory_iterator(directory.path), fs::directory_iterator()) == 1);
}

#if defined(__linux__)
// In a file system of its own, one page large, where this process may mount one; the superuser may write
// anywhere else.
TEST_CASE("on a full file system and on a read-only one, measuring goes on and the old file stays") {
  const Directory directory;
  const std::string file = directory.path + "/tuning", filler = directory.path + "/filler";
  constexpr int kGood = 0, kMayNotMount = 77;
  const int status = in_child([&]() -> int {
    if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0) return kMayNotMount;
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return kMayNotMount;
    const char* const path = directory.path.c_str();
    if (mount("tmpfs", path, "tmpfs", 0, "size=8k") != 0) return kMayNotMount;
    if (!write_tuning_cache(file, {tuned(64, "direct")})) return 1;
    std::ofstream(filler) << std::string(1 << 16, 'x');  // takes what is left
    const auto measures = [&] {
      const KernelSet& kernels = *active_kernels();
      const ConvolutionShape shape{1, 32, 14, 14, 32, 3, 3, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1, 14, 14};
      const std::vector<float> weight(32 * 32 * 9, 0.1f);
      Pool& pool = Pool::instance();
      const Pool::Turn turn;
      const char* text = "model";
      Tuning tuning(path);
      const char* const algorithm =
          tuning.choose(kernels, pool, 1, shape, weight.data(), nullptr, {}, {}, text);
      return algorithm != nullptr && std::string(text) == "measured";
    };
    const auto old_stays = [&] {
      const auto winners = read_tuning_cache(file);
      return winners.size() == 1 && winners[0].is_for(tuned(64, ""));
    };
    if (!measures() || !old_stays()) return 2;
    if (write_tuning_cache(file, {tuned(65, "direct")}) || !old_stays()) return 3;
    fs::remove(filler);
    if (mount(nullptr, path, nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) return kMayNotMount;
    if (write_tuning_cache(file, {tuned(65, "direct")}) || !old_stays()) return 4;
    if (!measures() || !old_stays()) return 5;
    return std::distance(fs::directory_iterator(path), fs::directory_iterator()) == 1 ? kGood : 6;
  });
  if (status == kMayNotMount) {
    MESSAGE("skipped: this process may not mount a file system");
  } else {
    CHECK(status == kGood);
  }
}
#endif
