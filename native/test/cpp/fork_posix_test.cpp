// What only systems with fork() and limits of address space have: the pool in a child, and without threads.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "cpu/threads/pool.h"

using namespace fusor::cpu;

TEST_CASE("a forked child, which has none of the threads, computes with a pool of its own") {
  Pool::instance().set_threads(3);
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
