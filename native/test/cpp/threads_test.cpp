#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "cpu/threads/pool.h"
#include "platform/cores.h"
#include "processor_time.h"
#include "system.h"

using namespace fusor::cpu;
using namespace fusor::platform;

namespace {

// Sets the pool's size for one test.
struct Threads {
  explicit Threads(int count) { Pool::instance().set_threads(count); }
  ~Threads() { Pool::instance().set_threads(0); }
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

// Its teams exit by themselves; FUSOR_TEST_PAUSE tells what their workers do then.
TEST_CASE("hidden: the process exits with 7" * doctest::skip()) {
  const char* const pause = std::getenv("FUSOR_TEST_PAUSE");
  REQUIRE(pause);
  Pool::instance().set_threads(4);
  const Pool::Turn turn;
  Pool::instance().run(4, [](const Team&) {});
  std::this_thread::sleep_for(std::chrono::microseconds(std::atoi(pause)));
  std::exit(7);
}

TEST_CASE("a process exits while workers sleep, spin or work") {
  for (const char* const pause_microseconds : {"0", "50", "20000"}) {
    fusor::testing::Child child("hidden: the process exits*", "FUSOR_TEST_PAUSE", pause_microseconds);
    CHECK(child.wait() == 7);
  }
}

TEST_CASE("this machine has at least one core") {
  CHECK(available_cores() >= 1);
}
