// What tests want of the system: directories, variables, other processes, the processor's time.
#pragma once

#if defined(_WIN32)
#include <process.h>
#include <windows.h>
#else
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace fusor::testing {

inline int process_number() {
#if defined(_WIN32)
  return _getpid();
#else
  return getpid();
#endif
}

// A directory that is deleted with everything in it.
struct Directory {
  Directory() {
    static int count = 0;
    const auto name = "fusor-test-" + std::to_string(process_number()) + "-" + std::to_string(count++);
    path = (std::filesystem::temp_directory_path() / name).generic_string();
    std::filesystem::create_directory(path);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  std::string path;
};

// Null removes it.
inline void set_variable(const char* name, const char* value) {
#if defined(_WIN32)
  SetEnvironmentVariableA(name, value);
#else
  value ? setenv(name, value, 1) : unsetenv(name);
#endif
}

// Of this process, in user and system mode.
inline double processor_seconds() {
#if defined(_WIN32)
  FILETIME created, ended, system, user;
  GetProcessTimes(GetCurrentProcess(), &created, &ended, &system, &user);
  const auto seconds = [](const FILETIME& time) {
    return (static_cast<double>(time.dwHighDateTime) * 4294967296.0 + time.dwLowDateTime) * 1e-7;
  };
  return seconds(system) + seconds(user);
#else
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
#endif
}

// This program once more, running the test cases whose names match, hidden ones included. `variable` is set
// for it alone.
class Child {
 public:
  explicit Child(const std::string& tests, const char* variable = nullptr, const std::string& value = "") {
    const std::string filter = "--test-case=" + tests;
#if defined(_WIN32)
    char program[MAX_PATH];
    GetModuleFileNameA(nullptr, program, MAX_PATH);
    char before[4096];
    const bool had = variable && GetEnvironmentVariableA(variable, before, sizeof before) != 0;
    if (variable) SetEnvironmentVariableA(variable, value.c_str());
    const std::string line = '"' + std::string(program) + "\" \"" + filter + "\" --no-skip --minimal";
    STARTUPINFOA startup{};
    startup.cb = sizeof startup;
    PROCESS_INFORMATION made{};
    if (CreateProcessA(program, std::string(line).data(), nullptr, nullptr, FALSE, 0, nullptr, nullptr,
                       &startup, &made)) {
      CloseHandle(made.hThread);
      process_ = made.hProcess;
    }
    if (variable) SetEnvironmentVariableA(variable, had ? before : nullptr);
#else
    process_ = fork();
    if (process_ == 0) {
      if (variable) setenv(variable, value.c_str(), 1);
      alarm(600);
#if defined(__APPLE__)
      const char* const program = getprogname();
#else
      const char* const program = "/proc/self/exe";
#endif
      execl(program, "test", filter.c_str(), "--no-skip", "--minimal", static_cast<char*>(nullptr));
      _exit(127);
    }
#endif
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    wait();
  }

  // Whether it has ended.
  bool has_ended() {
#if defined(_WIN32)
    return status_ != kRunning || WaitForSingleObject(process_, 0) == WAIT_OBJECT_0;
#else
    if (status_ == kRunning) take(WNOHANG);
    return status_ != kRunning;
#endif
  }

  // Its exit status once it has ended: 0 if its tests passed; -1 if it ended in another way.
  int wait() {
    if (status_ != kRunning) return status_;
#if defined(_WIN32)
    DWORD code = 0;
    WaitForSingleObject(process_, INFINITE);
    const bool told = GetExitCodeProcess(process_, &code) != 0;
    CloseHandle(process_);
    status_ = told && code < 256 ? static_cast<int>(code) : -1;  // others are exceptions
#else
    take(0);
#endif
    return status_;
  }

 private:
  static constexpr int kRunning = -2;

#if defined(_WIN32)
  HANDLE process_ = nullptr;
#else
  void take(int options) {
    int status = 0;
    const pid_t ended = waitpid(process_, &status, options);
    if (ended != 0) status_ = ended == process_ && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  pid_t process_ = -1;
#endif
  int status_ = kRunning;
};

}  // namespace fusor::testing
