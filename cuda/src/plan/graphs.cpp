#include "plan/graphs.h"

#include <algorithm>
#include <utility>

namespace fusor::cuda {
namespace {

// Runs under way at once, each with its output, and the inputs that a loop takes turns with: rarely more than
// four. A graph costs some 100 bytes a kernel on the device and a capture of about a millisecond.
constexpr size_t kMostGraphs = 8;
constexpr size_t kMostMet = 32;

}  // namespace

CapturedGraphs::Key CapturedGraphs::key_of(const fusor_plan_memory& memory, size_t inputs, size_t outputs) {
  Key key(memory.inputs, memory.inputs + inputs);
  key.insert(key.end(), memory.outputs, memory.outputs + outputs);
  return key;
}

DeviceGraphExec CapturedGraphs::find(const Key& key) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
  if (found == entries_.end()) return nullptr;
  std::rotate(found, found + 1, entries_.end());
  return entries_.back().graph;
}

bool CapturedGraphs::met(const Key& key) {
  const auto found = std::find(met_.begin(), met_.end(), key);
  const bool known = found != met_.end();
  if (known) met_.erase(found);
  if (met_.size() == kMostMet) met_.erase(met_.begin());
  met_.push_back(key);
  return known;
}

void CapturedGraphs::add(Key key, DeviceGraphExec graph) {
  if (entries_.size() == kMostGraphs) {
    // A launch of it that is under way keeps what it needs.
    (void)device::graph_executable_destroy(entries_.front().graph);
    entries_.erase(entries_.begin());
  }
  entries_.push_back({std::move(key), graph});
}

void CapturedGraphs::clear() {
  for (const Entry& entry : entries_) (void)device::graph_executable_destroy(entry.graph);
  entries_.clear();
  met_.clear();
}

}  // namespace fusor::cuda
