// How a reduction walks its input: dimensions of size 1 dropped, neighbours of one kind (kept or reduced)
// merged.
#pragma once

#include <cstdint>

#include "fusor/backend.h"

namespace fusor::cpu {

struct ReduceGeometry {
  struct Axis {
    int64_t size, stride;
  };
  // Outermost first. The output is contiguous over the kept axes.
  Axis kept[FUSOR_MAX_RANK], reduced[FUSOR_MAX_RANK];
  int kept_count = 0, reduced_count = 0;
  int64_t outputs = 1, folded = 1;  // results, and elements folded into each
  bool inner_reduced = false;       // the innermost axis (stride 1) is a reduced one

  ReduceGeometry(const fusor_buffer& contiguous_input, const int32_t* dims, int32_t dim_count);

  // Offset of the first element of a result.
  int64_t offset_of(int64_t output) const;
};

}  // namespace fusor::cpu
