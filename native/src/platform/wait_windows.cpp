#include "platform/wait.h"
#include "platform/win32.h"

namespace fusor::platform {
namespace {

void* address_of(const std::atomic<uint32_t>& word) {
  static_assert(sizeof word == sizeof(uint32_t));
  return const_cast<std::atomic<uint32_t>*>(&word);
}

}  // namespace

// As Linux's futex: the word is compared once more before the thread sleeps.
void sleep_while_equal(const std::atomic<uint32_t>& word, uint32_t value) {
  WaitOnAddress(address_of(word), &value, sizeof value, INFINITE);
}

void wake_sleepers(const std::atomic<uint32_t>& word) {
  WakeByAddressAll(address_of(word));
}

}  // namespace fusor::platform
