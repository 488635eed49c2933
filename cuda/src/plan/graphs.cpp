#include "plan/graphs.h"

#include <algorithm>
#include <utility>

namespace fusor::cuda {

CapturedGraphs::Key CapturedGraphs::key_of(const fusor_plan_memory& memory, size_t inputs, size_t outputs) {
  Key key(memory.inputs, memory.inputs + inputs);
  key.insert(key.end(), memory.outputs, memory.outputs + outputs);
  return key;
}

DeviceGraphExec CapturedGraphs::find(const Key& key) {
  ++runs_;
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == key; });
  if (found == entries_.end()) return nullptr;
  found->used = runs_;
  std::rotate(found, found + 1, entries_.end());
  return entries_.back().graph;
}

bool CapturedGraphs::wants(const Key& key) {
  const auto found = std::find(met_.begin(), met_.end(), key);
  const bool known = found != met_.end();
  if (known) met_.erase(found);
  if (met_.size() == kMostMet) met_.erase(met_.begin());
  met_.push_back(key);
  const bool room = entries_.size() < kMostGraphs || runs_ - entries_.front().used > kUnusedRuns;
  if (known && room) return true;
  missed_ = std::min(missed_ + 1, kPatience);
  return false;
}

void CapturedGraphs::add(Key key, DeviceGraphExec graph) {
  if (entries_.size() == kMostGraphs) {
    // A launch of it that is under way keeps what it needs.
    (void)device::graph_executable_destroy(entries_.front().graph);
    entries_.erase(entries_.begin());
  }
  entries_.push_back({std::move(key), graph, runs_});
}

void CapturedGraphs::clear() {
  for (const Entry& entry : entries_) (void)device::graph_executable_destroy(entry.graph);
  if (own_ != nullptr) (void)device::graph_executable_destroy(own_);
  own_ = nullptr;
  entries_.clear();
  met_.clear();
}

}  // namespace fusor::cuda
