// Elements picked by index: torch.gather, and torch.index_select with an index of any rank (embeddings).
#pragma once

#include "backend/op_table.h"

namespace fusor::cuda {

extern const OpEntry kGather;
extern const OpEntry kIndexSelect;

}  // namespace fusor::cuda
