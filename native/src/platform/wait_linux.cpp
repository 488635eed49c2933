#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/wait.h"

namespace fusor::platform {

// The kernel compares the word once more before it puts the thread to sleep, so a change in between is never
// missed. A return for any other reason (a signal handler ran) is harmless.
void sleep_while_equal(const std::atomic<uint32_t>& word, uint32_t value) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

void wake_sleepers(const std::atomic<uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

}  // namespace fusor::platform
