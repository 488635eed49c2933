// Sleeping in the kernel until another thread changes a word.
#pragma once

#include <atomic>
#include <cstdint>

namespace fusor::platform {

// Returns when `word` is not `value`, at once if it is not now. May return without a reason: callers look
// again.
void sleep_while_equal(const std::atomic<uint32_t>& word, uint32_t value);
// Wakes all who sleep on `word`. It was changed before.
void wake_sleepers(const std::atomic<uint32_t>& word);

}  // namespace fusor::platform
