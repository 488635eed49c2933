// Where the buffers of a plan lie: one block of memory, in which buffers that are never needed at the same
// time share bytes. Pure arithmetic on lifetimes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fusor/backend.h"

namespace fusor {

struct ArenaLayout {
  int64_t bytes = 0;
  int64_t alignment = 64;        // of the block
  std::vector<int64_t> offsets;  // per buffer
};

// Throws FUSOR_ERROR_INTERNAL if a buffer's description makes no sense (a lifetime outside the steps, a class
// with two sizes): a wrong layout would be silent corruption.
ArenaLayout lay_out_arena(std::span<const fusor_plan_buffer> buffers, int32_t step_count);

}  // namespace fusor
