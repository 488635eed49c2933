#include "cpu/plan/constants.h"

#include <utility>

#include "cpu/memory/memory.h"
#include "platform/memory.h"

namespace fusor::cpu {
namespace {
// Released memory that may wait to be given back.
constexpr int64_t kMostKept = 16 << 20;
}  // namespace

ConstantData::ConstantData(int64_t bytes)
    : data_(platform::allocate_block((bytes + 63) / 64 * 64 + 64)), bytes_(bytes) {}
ConstantData::~ConstantData() {
  platform::release_block(data_);
}
ConstantData::ConstantData(ConstantData&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}

void release_constant(const fusor_graph& graph, int32_t value) {
  if (!graph.release_constant) return;
  graph.release_constant(graph.release_context, value);
  if (kept_memory() > kMostKept) release_kept_memory();
}

}  // namespace fusor::cpu
