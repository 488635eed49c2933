#include "cpu/reduce/geometry.h"

#include <algorithm>

namespace fusor::cpu {

ReduceGeometry::ReduceGeometry(const fusor_buffer& input, const int32_t* dims, int32_t dim_count) {
  int last_kind = -1;  // 0 kept, 1 reduced
  for (int32_t d = 0; d < input.rank; ++d) {
    const bool is_reduced = std::find(dims, dims + dim_count, d) != dims + dim_count;
    (is_reduced ? folded : outputs) *= input.sizes[d];
    if (input.sizes[d] == 1) continue;
    Axis* axes = is_reduced ? reduced : kept;
    int& count = is_reduced ? reduced_count : kept_count;
    if (last_kind == (is_reduced ? 1 : 0)) {
      axes[count - 1].size *= input.sizes[d];
      axes[count - 1].stride = input.strides[d];
    } else {
      axes[count++] = {input.sizes[d], input.strides[d]};
    }
    last_kind = is_reduced ? 1 : 0;
  }
  inner_reduced = last_kind == 1;
}

int64_t ReduceGeometry::offset_of(int64_t output) const {
  int64_t offset = 0;
  for (int axis = kept_count - 1; axis >= 0; --axis) {
    offset += output % kept[axis].size * kept[axis].stride;
    output /= kept[axis].size;
  }
  return offset;
}

}  // namespace fusor::cpu
