#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "cpu/threads/cores.h"
#include "cpu/threads/pool.h"
#include "processor_time.h"

using namespace fusor::cpu;

namespace {

// Sets the pool's size for one test.
struct Threads {
  explicit Threads(int count) { Pool::instance().set_threads(count); }
  ~Threads() { Pool::instance().set_threads(0); }
};

// A directory that is deleted with everything in it.
struct FakeRoot {
  std::string path;
  FakeRoot() {
    char pattern[] = "/tmp/fusor-cores-XXXXXX";
    path = mkdtemp(pattern);
  }
  ~FakeRoot() { CHECK(std::system(("rm -rf " + path).c_str()) == 0); }
  void write(const std::string& file, const std::string& text) const {
    const std::string full = path + file;
    CHECK(std::system(("mkdir -p $(dirname '" + full + "')").c_str()) == 0);
    FILE* out = std::fopen(full.c_str(), "w");
    REQUIRE(out);
    std::fputs(text.c_str(), out);
    std::fclose(out);
  }
};

// The number by which the system knows the calling thread.
long thread_number() {
#ifdef __linux__
  return syscall(SYS_gettid);
#else
  return 0;
#endif
}

// Returns when a thread of this process, once it has told its number, sleeps.
void await_sleep(const std::atomic<long>& number) {
#ifdef __linux__
  for (std::string state; state != "S"; std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
    if (number == 0) continue;
    std::ifstream stat("/proc/self/task/" + std::to_string(number) + "/stat");
    std::string id, name;
    stat >> id >> name >> state;
  }
#else
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
#endif
}

}  // namespace

TEST_CASE("a run reaches every thread of the team exactly once, whatever its size") {
  for (const int threads : {1, 2, 3, 7, 16}) {
    const Threads size(threads);
    CHECK(Pool::instance().threads() == threads);
    const Pool::Turn turn;
    for (int run = 0; run < 200; ++run) {
      std::vector<int> calls(threads, 0);
      Pool::instance().run(threads, [&](const Team& team) {
        CHECK(team.threads() == threads);
        ++calls[team.thread()];
      });
      CHECK(calls == std::vector<int>(threads, 1));
    }
  }
}

TEST_CASE("a run takes no more threads than were asked for, and at least one") {
  const Threads size(4);
  const Pool::Turn turn;
  for (const auto& [asked, given] : {std::pair{2, 2}, {4, 4}, {100, 4}, {0, 1}, {-3, 1}}) {
    const int expected = given;  // Clang before 16 lets no lambda capture a structured binding
    std::atomic<int> calls{0};
    Pool::instance().run(asked, [&](const Team& team) {
      calls += 1;
      if (team.threads() != expected) calls += 1000;
    });
    CHECK(calls == expected);
  }
}

TEST_CASE("what threads wrote before a barrier, all read after it") {
  const Threads size(5);
  const Pool::Turn turn;
  std::vector<int64_t> values(5), sums(5);
  Pool::instance().run(5, [&](Team& team) {
    for (int64_t round = 0; round < 500; ++round) {
      values[team.thread()] = round * (team.thread() + 1);
      team.barrier();
      sums[team.thread()] += std::accumulate(values.begin(), values.end(), int64_t{0});
      team.barrier();
    }
  });
  for (const int64_t sum : sums) CHECK(sum == 15 * 499 * 500 / 2);
}

TEST_CASE("shares give every item once, in order from the thread's own part first") {
  for (const int threads : {1, 2, 3, 8}) {
    const Threads size(threads);
    const Pool::Turn turn;
    for (const int64_t count : {0, 1, 2, 7, 64, 1000}) {
      std::vector<std::atomic<int>> taken(count);
      WorkShares shares(count, threads);
      Pool::instance().run(threads, [&](const Team& team) {
        for (int64_t i; (i = shares.take(team)) >= 0;) {
          taken[i] += 1;
          if (i % 64 == 0) std::this_thread::yield();
        }
        if (shares.take(team) != -1) taken[0] += 1000;
      });
      int64_t once = 0;
      for (const auto& item : taken) once += item == 1;
      CHECK(once == count);
    }
  }
  // One thread that works alone through the shares of three: its own (the first) forwards, the others'
  // backwards.
  WorkShares shares(7, 3);
  std::vector<int64_t> order;
  const Pool::Turn turn;
  Pool::instance().run(1, [&](const Team& team) {
    for (int64_t i; (i = shares.take(team)) >= 0;) order.push_back(i);
  });
  CHECK(order == std::vector<int64_t>{0, 1, 2, 4, 3, 6, 5});
}

TEST_CASE("turns exclude each other and are given in the order of asking") {
  const Threads size(2);
  int64_t inside = 0, total = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        const Pool::Turn turn;
        CHECK(++inside == 1);
        int64_t parts[2] = {0, 0};
        Pool::instance().run(2, [&](const Team& team) { parts[team.thread()] = team.thread() + 1; });
        total += parts[0] + parts[1];
        --inside;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(total == 4 * 200 * 3);

  // Each is started when the one before waits, so that they ask in this order while the turn is taken.
  std::vector<int> order;
  std::vector<std::thread> waiting;
  {
    const Pool::Turn turn;
    for (int i = 0; i < 4; ++i) {
      std::atomic<long> number{0};
      waiting.emplace_back([&order, &number, i] {
        number = thread_number();
        const Pool::Turn mine;
        order.push_back(i);
      });
      await_sleep(number);
    }
  }
  for (std::thread& thread : waiting) thread.join();
  CHECK(order == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("workers sleep when there is nothing to do, and wake again") {
  const Threads size(4);
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> calls{0};
    {
      const Pool::Turn turn;
      Pool::instance().run(4, [&](const Team&) { ++calls; });
    }
    CHECK(calls == 4);
    CHECK(fusor::testing::comes_to_rest());
  }
}

TEST_CASE("the number of threads may change while others run") {
  std::atomic<bool> stop{false};
  std::thread changer([&] {
    for (int i = 0; !stop; ++i) Pool::instance().set_threads(1 + i % 5);
  });
  for (int i = 0; i < 500; ++i) {
    const Pool::Turn turn;
    std::atomic<int> calls{0}, expected{0};
    Pool::instance().run(5, [&](const Team& team) {
      ++calls;
      if (team.thread() == 0) expected = team.threads();
    });
    CHECK(calls == expected);
  }
  stop = true;
  changer.join();
  Pool::instance().set_threads(0);
}

#if !defined(__SANITIZE_THREAD__)  // ThreadSanitizer does not follow threads into a fork's child
TEST_CASE("a forked child, which has none of the threads, computes with a pool of its own") {
  const Threads size(3);
  {
    const Pool::Turn turn;
    Pool::instance().run(3, [](const Team&) {});
  }
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    std::atomic<int> calls{0};
    for (int i = 0; i < 10; ++i) {
      const Pool::Turn turn;
      Pool::instance().run(3, [&](const Team&) { ++calls; });
    }
    _exit(calls == 30 ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("where the system gives no more threads, teams are smaller and still right") {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    // 100 MB of address space are left: not enough for a dozen stacks of 8 MB.
    rlimit limit{};
    getrlimit(RLIMIT_AS, &limit);
    long pages = 0;
    if (FILE* statm = std::fopen("/proc/self/statm", "r")) {
      if (std::fscanf(statm, "%ld", &pages) != 1) pages = 0;
      std::fclose(statm);
    }
    limit.rlim_cur = static_cast<rlim_t>(pages) * 4096 + 100'000'000;
    setrlimit(RLIMIT_AS, &limit);
    Pool::instance().set_threads(64);
    std::atomic<int> calls{0};
    int team_size = 0;
    {
      const Pool::Turn turn;
      Pool::instance().run(64, [&](const Team& team) {
        ++calls;
        if (team.thread() == 0) team_size = team.threads();
      });
    }
    const bool right =
        calls == team_size && team_size >= 1 && team_size < 64 && Pool::instance().threads() == team_size;
    _exit(right ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  // Sanitizers reserve terabytes of address space and cannot run under such a limit.
#if !defined(__SANITIZE_ADDRESS__)
  CHECK(WEXITSTATUS(status) == 0);
#endif
}

TEST_CASE("a process exits while workers sleep, spin or work") {
  for (const int pause_microseconds : {0, 50, 20'000}) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(120);
      Pool::instance().set_threads(4);
      const Pool::Turn turn;
      Pool::instance().run(4, [](const Team&) {});
      usleep(pause_microseconds);
      std::exit(7);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
  }
}
#endif

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

TEST_CASE("this machine has at least one core") {
  CHECK(available_cores() >= 1);
}
