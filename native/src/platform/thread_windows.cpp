#include "platform/thread.h"

#include <process.h>

#include <cerrno>
#include <iterator>
#include <memory>
#include <new>

#include "platform/win32.h"

namespace fusor::platform {
namespace {

// As much as glibc gives, since what runs there must run here; only what is touched becomes memory.
constexpr unsigned kStackBytes = 8 << 20;

struct Start {
  void* (*main)(void*);
  void* argument;
};

unsigned __stdcall run(void* start) {
  const Start mine = *static_cast<Start*>(start);
  delete static_cast<Start*>(start);
  mine.main(mine.argument);
  return 0;
}

// Node unloads an addon with the last worker that uses it, and this library with it, but the pool's threads
// sleep in its code until the process ends.
void stay_loaded() {
  static const bool pinned = [] {
    HMODULE module = nullptr;
    return GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                              reinterpret_cast<const wchar_t*>(&run), &module) != 0;
  }();
  (void)pinned;
}

HANDLE handle_of(uintptr_t handle) {
  return reinterpret_cast<HANDLE>(handle);
}

}  // namespace

int Thread::start(void* (*main)(void*), void* argument) {
  stay_loaded();
  auto start = std::unique_ptr<Start>(new (std::nothrow) Start{main, argument});
  if (!start) return ENOMEM;
  unsigned number = 0;
  handle_ =
      _beginthreadex(nullptr, kStackBytes, run, start.get(), STACK_SIZE_PARAM_IS_A_RESERVATION, &number);
  if (handle_ == 0) return errno != 0 ? errno : EAGAIN;
  number_ = number;
  start.release();  // the thread's
  return 0;
}

void Thread::join() {
  WaitForSingleObject(handle_of(handle_), INFINITE);
  detach();
}

void Thread::detach() {
  CloseHandle(handle_of(handle_));
}

bool Thread::is_current() const {
  return GetCurrentThreadId() == number_;
}

// SetThreadDescription came with Windows 10 1607, in kernelbase.dll first.
void name_this_thread(const char* name) {
  using Describe = HRESULT(WINAPI*)(HANDLE, PCWSTR);
  static const auto describe = find_function<Describe>(L"kernelbase.dll", "SetThreadDescription");
  wchar_t wide[16] = {};  // on the stack: a thread that starts has nobody to tell of failures
  for (size_t i = 0; i + 1 < std::size(wide) && name[i] != '\0'; ++i)
    wide[i] = static_cast<unsigned char>(name[i]);
  if (describe) describe(GetCurrentThread(), wide);
}

void on_fork(void (*)()) {}  // Windows has none

}  // namespace fusor::platform
